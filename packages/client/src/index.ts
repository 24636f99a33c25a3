export type { AskOptions } from './ask.js';
export { CheckpointHandle, type CheckpointProgress, type CompletedCheckpoint } from './checkpoint-handle.js';
export type { CheckpointInfo } from './checkpoint-info.js';
export {
  Client,
  connect,
  type EndList,
  type Retention,
  type StartedTree,
  type StoredCheckpoints,
  type TaskList,
} from './client.js';
export type { ClientEvent, EventsOptions } from './events.js';
export type { ConnectOptions, PsOptions, RestartOptions, SpawnOptions } from './options.js';
export type { CheckpointOptions } from './request-checkpoint.js';
export type { StoreOptions } from './stored-checkpoints.js';
