import { type Static, Type } from '@ckptree/schema';
import {
  CheckpointId,
  Hash,
  Labels,
  Name,
  Pid,
  Time,
  TreeId,
  WorkerId,
  Workers,
} from '../messages/fields.js';

/** A tree that runs, or has run: bucket `ckptree-trees`, its id as key. */
export const TreeRecord = Type.Object({
  version: Type.Literal(1),
  tree: TreeId('Its id, as key of the record.'),
  rootPid: Pid('Its root.'),
  state: Type.Union([Type.Literal('starting'), Type.Literal('running'), Type.Literal('ended')], {
    description: 'How far it is.',
  }),
  created: Time('When it was asked for'),
  ended: Type.Optional(Time('When its last task had ended')),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
  checkpoint: Type.Optional(CheckpointId('What it was started from.')),
  workers: Workers,
  key: Type.Optional(Hash('SHA-256 of the idempotency key with which it was asked for, and of how.')),
  lost: Type.Optional(
    Type.Array(WorkerId(), {
      maxItems: 10_000,
      description: 'Of these, those that were lost with their tasks.',
    }),
  ),
});
export type TreeRecord = Static<typeof TreeRecord>;

export const exampleTree: TreeRecord = {
  version: 1,
  tree: 't-5f0c6a1b2d3e',
  rootPid: 1,
  state: 'running',
  created: '2026-11-23T15:38:00.000Z',
  workers: ['worker-1', 'worker-2'],
};
