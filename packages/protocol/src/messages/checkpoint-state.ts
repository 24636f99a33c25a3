import { type Static, Type } from '@ckptree/schema';
import { CheckpointId, Count, Failure, Labels, Name, Pid, Time, TreeId, Workers } from './fields.js';

export const CHECKPOINT_STATES = [
  'requested',
  'preparing',
  'dumping',
  'committing',
  'completed',
  'failed',
  'cancelled',
] as const;
export type CheckpointState = (typeof CHECKPOINT_STATES)[number];
export const isTerminal = (state: CheckpointState): boolean =>
  state === 'completed' || state === 'failed' || state === 'cancelled';

export const CheckpointStateField = Type.Union(
  CHECKPOINT_STATES.map((state) => Type.Literal(state)),
  { description: 'How far it is.' },
) as unknown as ReturnType<typeof Type.Unsafe<CheckpointState>>;

/** What was measured of a checkpoint, as far as it is known; every figure in the unit that its name ends with. */
export const CheckpointFigures = Type.Object(
  {
    tasks: Type.Optional(Count('Tasks in it, zombies among them.')),
    mms: Type.Optional(Count('Address spaces.')),
    files: Type.Optional(Count('Open files.')),
    pages: Type.Optional(Count('Pages of 4096 bytes.')),
    workers: Type.Optional(Count('Workers that host a part of the tree.')),
    freezeUs: Type.Optional(
      Type.Number({
        minimum: 0,
        description: 'From when the first task was told to stand still until the last did, the longest.',
      }),
    ),
    snapshotUs: Type.Optional(
      Type.Number({ minimum: 0, description: 'From there until the last snapshot was taken, the longest.' }),
    ),
    downtimeUs: Type.Optional(
      Type.Number({ minimum: 0, description: 'How long the tasks stood still, the longest of all workers.' }),
    ),
    logicalBytes: Type.Optional(Count('Size of the image.')),
    newBytes: Type.Optional(Count('Of it, what the store did not have.')),
    storedBytes: Type.Optional(Count('What these took in the store.')),
    prepareMs: Type.Optional(
      Type.Number({ minimum: 0, description: 'From the request to the last answer.' }),
    ),
    planMs: Type.Optional(Type.Number({ minimum: 0, description: 'Merging the parts and planning.' })),
    dumpMs: Type.Optional(Type.Number({ minimum: 0, description: 'Until the last worker had sealed.' })),
    commitMs: Type.Optional(Type.Number({ minimum: 0, description: 'Until the manifest was durable.' })),
    totalMs: Type.Optional(Type.Number({ minimum: 0, description: 'From the request to the end.' })),
  },
  { description: 'What was measured, as far as known.' },
);
export type CheckpointFigures = Static<typeof CheckpointFigures>;

/** A checkpoint as the coordinator tells it. */
export const CheckpointSummary = Type.Object({
  checkpoint: CheckpointId(),
  state: CheckpointStateField,
  pid: Pid('The task that is saved, with all below it.'),
  tree: Type.Optional(TreeId()),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
  workers: Type.Optional(Workers),
  requested: Time('When it was requested'),
  ended: Type.Optional(Time('When it was completed, failed or cancelled')),
  figures: Type.Optional(CheckpointFigures),
  error: Type.Optional(Failure),
});
export type CheckpointSummary = Static<typeof CheckpointSummary>;
