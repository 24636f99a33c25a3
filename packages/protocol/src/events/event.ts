import { type Static, type TProperties, Type } from '@ckptree/schema';
import { CheckpointFigures } from '../messages/checkpoint-state.js';
import { PROTOCOL_VERSION } from '../messages/definition.js';
import {
  CheckpointId,
  Count,
  Failure,
  Labels,
  Name,
  Pid,
  Time,
  TreeId,
  WorkerId,
  Workers,
} from '../messages/fields.js';
import { TaskEnd } from '../messages/task.js';

/** What happened in the cluster. Events are told once, are durable, and have the sequence of their stream. */

const eventOf = <Kind extends string, Fields extends TProperties>(
  type: Kind,
  description: string,
  fields: Fields,
) =>
  Type.Object(
    {
      version: Type.Literal(PROTOCOL_VERSION),
      type: Type.Literal(type),
      at: Time('When it happened'),
      ...fields,
    },
    { description },
  );

const ofCheckpoint = {
  checkpoint: CheckpointId(),
  pid: Pid('The task that is saved, with all below it.'),
  tree: Type.Optional(TreeId()),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
};

const ofTree = {
  tree: TreeId(),
  rootPid: Pid('Its root.'),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
};

const figures = CheckpointFigures;

export const checkpointEvents = {
  accepted: eventOf('accepted', 'A coordinator has taken the request.', ofCheckpoint),
  prepared: eventOf('prepared', 'Every task stood still at one instant; all is snapshotted.', {
    ...ofCheckpoint,
    workers: Workers,
    figures,
  }),
  resumed: eventOf('resumed', 'The tasks run again (or are left frozen, if so asked).', {
    ...ofCheckpoint,
    figures,
  }),
  progress: eventOf('progress', 'What one worker has dumped so far, at most twice a second.', {
    ...ofCheckpoint,
    worker: WorkerId(),
    bytes: Count('Bytes that are durable.'),
    totalBytes: Count('Bytes in all.'),
    mms: Type.Optional(
      Type.Array(
        Type.Object({
          pid: Pid('The task that reaches it first.'),
          objref: Type.Optional(Count('Its number in the image.')),
          bytes: Count('Bytes of it that are durable.'),
          totalBytes: Count('Its bytes.'),
        }),
        { maxItems: 100, description: 'Address spaces under way, the largest.' },
      ),
    ),
  }),
  stored: eventOf('stored', 'The manifest is durable: the checkpoint is listed.', {
    ...ofCheckpoint,
    figures,
  }),
  completed: eventOf('completed', 'The checkpoint is done. The last event of it; told once.', {
    ...ofCheckpoint,
    figures,
  }),
  failed: eventOf('failed', 'The checkpoint is given up; nothing of it is listed. Its last event.', {
    ...ofCheckpoint,
    error: Failure,
    figures: Type.Optional(figures),
  }),
  cancelled: eventOf('cancelled', 'The checkpoint was cancelled; nothing of it is listed. Its last event.', {
    ...ofCheckpoint,
  }),
};

export const treeEvents = {
  spawned: eventOf('spawned', 'A tree was started.', {
    ...ofTree,
    tasks: Count('Its tasks.'),
    workers: Workers,
  }),
  restarted: eventOf('restarted', 'A tree was started again from a checkpoint.', {
    ...ofTree,
    checkpoint: CheckpointId('Where it came from.'),
    tasks: Count('Its tasks.'),
    workers: Workers,
    frozen: Type.Optional(Type.Boolean({ description: 'It is left frozen.' })),
  }),
  'task-ended': eventOf('task-ended', 'Tasks ended, in this order, on one worker.', {
    ...ofTree,
    worker: WorkerId(),
    ends: Type.Array(TaskEnd, { minItems: 1, maxItems: 1_000 }),
  }),
  ended: eventOf('ended', 'The last task of a tree has ended.', {
    ...ofTree,
    tasks: Count('How many had run.'),
  }),
};

export const workerEvents = {
  'worker.joined': eventOf('worker.joined', 'A worker has registered itself.', {
    worker: WorkerId(),
    host: Type.String({ maxLength: 255, description: 'Name of the machine.' }),
  }),
  'worker.lost': eventOf(
    'worker.lost',
    'A worker has not been heard of for too long, has said goodbye, or was started anew: what it hosted is gone.',
    {
      worker: WorkerId(),
      reason: Type.Union([Type.Literal('silent'), Type.Literal('left')]),
      trees: Type.Optional(
        Type.Array(TreeId(), { maxItems: 10_000, description: 'Trees of which it hosted a part.' }),
      ),
    },
  ),
};

export const EVENTS = { ...checkpointEvents, ...treeEvents, ...workerEvents };
export type EventType = keyof typeof EVENTS;

type EventOf = { [Kind in EventType]: Static<(typeof EVENTS)[Kind]> };
/** An event as it is published; told apart by `type`. */
export type ClusterEvent = EventOf[EventType];
export type EventOfType<Kind extends EventType> = EventOf[Kind];
export type CheckpointEvent = EventOf[keyof typeof checkpointEvents];
export type TreeEvent = EventOf[keyof typeof treeEvents];
export type WorkerEvent = EventOf[keyof typeof workerEvents];

/** The last event of a checkpoint. */
export const isLastOfCheckpoint = ({ type }: ClusterEvent): boolean =>
  type === 'completed' || type === 'failed' || type === 'cancelled';
