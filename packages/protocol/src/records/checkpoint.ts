import { type Static, Type } from '@ckptree/schema';
import { CheckpointRequest, exampleCheckpointRequest } from '../messages/checkpoint-request.js';
import { CheckpointFigures, CheckpointStateField } from '../messages/checkpoint-state.js';
import { CheckpointId, Count, Failure, InstanceId, Pid, Time, TreeId, Workers } from '../messages/fields.js';

/** A checkpoint: bucket `ckptree-checkpoints`, its id as key; changed by compare-and-set alone. */
export const CheckpointRecord = Type.Object({
  version: Type.Literal(1),
  checkpoint: CheckpointId('Its id, as key of the record and of its manifest.'),
  state: CheckpointStateField,
  term: Count('Term of the leader that owns it; one of a later term takes it over.'),
  owner: InstanceId('That leader.'),
  request: CheckpointRequest,
  created: Time('When the record was made; also the time of the manifest'),
  updated: Time('When it was last changed'),
  tree: Type.Optional(TreeId()),
  rootPid: Type.Optional(Pid('Root of that tree.')),
  workers: Type.Optional(Workers),
  parent: Type.Optional(CheckpointId('What it is compared with.')),
  system: Type.Object(
    { release: Type.String({ maxLength: 64 }), version: Type.String({ maxLength: 64 }) },
    { description: 'What the image says of the system; whoever composes it again says the same.' },
  ),
  durationMs: Type.Optional(Count('What the manifest says of how long it took.')),
  figures: Type.Optional(CheckpointFigures),
  error: Type.Optional(Failure),
  announced: Type.Optional(
    Type.Boolean({
      description: 'Its last event is published, and its workers were told to give back what they hold.',
    }),
  ),
});
export type CheckpointRecord = Static<typeof CheckpointRecord>;

export const exampleCheckpoint: CheckpointRecord = {
  version: 1,
  checkpoint: exampleCheckpointRequest.checkpoint,
  state: 'dumping',
  term: 3,
  owner: 'coordinator-1',
  request: exampleCheckpointRequest,
  created: '2026-11-23T15:39:26.200Z',
  updated: '2026-11-23T15:39:26.300Z',
  tree: 't-5f0c6a1b2d3e',
  rootPid: 1,
  workers: ['worker-1'],
  system: { release: '6.1.0', version: '#1 SMP' },
};
