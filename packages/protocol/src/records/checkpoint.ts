import { type Static, Type } from 'typebox';
import { CheckpointRequest, exampleCheckpointRequest } from '../messages/checkpoint-request.js';
import { CheckpointFigures, CheckpointStateField } from '../messages/checkpoint-state.js';
import { CheckpointId, Count, Failure, InstanceId, Pid, Time, TreeId, WorkerId } from '../messages/fields.js';

/** A part of a checkpoint: what one worker hosts of the tree. */
const Part = Type.Object({
  worker: WorkerId(),
  roots: Type.Array(Pid(), { maxItems: 100_000, description: 'The tasks whose subtrees it is.' }),
  downtimeUs: Type.Optional(Type.Number({ minimum: 0 })),
});

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
  parts: Type.Optional(Type.Array(Part, { maxItems: 10_000 })),
  parent: Type.Optional(CheckpointId('What it is compared with.')),
  figures: Type.Optional(CheckpointFigures),
  error: Type.Optional(Failure),
  announced: Type.Optional(Type.Boolean({ description: 'Its last event is published.' })),
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
  parts: [{ worker: 'worker-1', roots: [1], downtimeUs: 2_300 }],
};
