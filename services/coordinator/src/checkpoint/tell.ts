import type { CheckpointRecord, NewEvent } from '@ckptree/protocol';

type CheckpointEventType = Extract<NewEvent, { checkpoint: string; pid: number }>['type'];

/** What every event of a checkpoint says. */
export const ofCheckpoint = ({ checkpoint, request, tree }: CheckpointRecord) => ({
  checkpoint,
  pid: request.pid,
  ...(tree !== undefined && { tree }),
  ...(request.name !== undefined && { name: request.name }),
  ...(request.labels !== undefined && { labels: request.labels }),
});

/** An event of a checkpoint has an id of its own: told again after a takeover, it is stored once. */
export const eventId = ({ checkpoint }: CheckpointRecord, type: CheckpointEventType): string =>
  `${checkpoint}.${type}`;
