export { Bucket, type Change, type Entry, type WatchOptions } from './connection/bucket.js';
export { Connection, type ConnectionStatus } from './connection/connection.js';
export {
  type ClusterOptions,
  clusterState,
  ensureCluster,
  isSameState,
} from './connection/ensure-cluster.js';
export { EventPublisher, type EventPublisherOptions, type NewEvent } from './connection/event-publisher.js';
export type { Published } from './connection/jetstream-publish.js';
export { isUnanswered, isUnserved } from './connection/nats-error.js';
export type { ConnectionOptions, Observation, TlsOptions } from './connection/options.js';
export type { Start } from './connection/ordered.js';
export {
  type EventFilter,
  type ReadEventsOptions,
  readEvents,
  type StoredEvent,
} from './connection/read-events.js';
export { CONTROL_KEYS, type Records, recordsOf } from './connection/records.js';
export {
  type Exchange,
  exchange,
  interruptible,
  type RequestOptions,
  request,
} from './connection/request.js';
export {
  type QueuedRequest,
  queueRequest,
  type RequestQueueOptions,
  takeRequests,
} from './connection/request-queue.js';
export { type RetryOptions, retrying } from './connection/retry.js';
export {
  type Handler,
  type Incoming,
  type Served,
  type ServeOptions,
  serve,
  type WithPayload,
} from './connection/serve.js';
export { type Handlers, serveAll } from './connection/serve-all.js';
export { DocumentRef } from './documents/document.js';
export { DocumentShelf, type ShelfOptions } from './documents/shelf.js';
export { fetchDocument, sendDocument } from './documents/transfer.js';
export {
  type CheckpointEvent,
  type ClusterEvent,
  EVENTS,
  type EventOfType,
  type EventType,
  isLastOfCheckpoint,
  type TreeEvent,
  type WorkerEvent,
} from './events/event.js';
export { type EventSubjectFilter, eventFilterSubject, eventSubject } from './events/event-subject.js';
export { CheckpointRequest } from './messages/checkpoint-request.js';
export {
  CHECKPOINT_STATES,
  CheckpointFigures,
  type CheckpointState,
  CheckpointSummary,
  isTerminal,
} from './messages/checkpoint-state.js';
export {
  type Definition,
  type Endpoint,
  PROTOCOL_VERSION,
  type ReplyOf,
  type RequestOf,
} from './messages/definition.js';
export { coordinator, type Endpoints, storage, storageAt, worker } from './messages/endpoints.js';
export type { Labels, Placement, RetentionPolicy, Signal } from './messages/fields.js';
export { pageByPid } from './messages/page-by-pid.js';
export type { Schedule, ScheduleRequest } from './messages/schedule.js';
export type { TaskEnd, TaskRow } from './messages/task.js';
export { CheckpointRecord } from './records/checkpoint.js';
export {
  KeyRecord,
  LeaderRecord,
  RetentionRecord,
  SchedulesRecord,
  UpkeepRecord,
} from './records/control.js';
export { TreeRecord } from './records/tree.js';
export { WorkerRecord } from './records/worker.js';
export { validated } from './schema/validation.js';
export { BUCKETS, JSON_HEADER, STORAGE_QUEUE, STREAMS, SUBJECTS } from './subjects.js';
