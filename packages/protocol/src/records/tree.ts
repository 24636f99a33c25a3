import { type Static, Type } from 'typebox';
import { CheckpointId, Labels, Name, Pid, Time, TreeId, WorkerId } from '../messages/fields.js';

/** A tree that runs, or has run: bucket `ckptree-trees`, its id as key. */
export const TreeRecord = Type.Object({
  version: Type.Literal(1),
  tree: TreeId('Its id, as key of the record.'),
  rootPid: Pid('Its root.'),
  state: Type.Union([Type.Literal('starting'), Type.Literal('running'), Type.Literal('ended')]),
  created: Time('When it was asked for'),
  ended: Type.Optional(Time('When its last task had ended')),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
  checkpoint: Type.Optional(CheckpointId('What it was started from.')),
  parts: Type.Array(
    Type.Object({
      worker: WorkerId(),
      roots: Type.Array(Type.Object({ pid: Pid(), ppid: Type.Integer({ minimum: 0 }) }), {
        maxItems: 100_000,
        description: 'Tasks whose parents are hosted elsewhere, with those parents.',
      }),
    }),
    { maxItems: 10_000, description: 'Where it was placed when it started.' },
  ),
  keys: Type.Optional(
    Type.Array(
      Type.Object({
        key: Type.String({
          maxLength: 64,
          description: 'The same on all workers: `<tree>:f0`, `<tree>:d1`.',
        }),
        workers: Type.Array(WorkerId(), { maxItems: 10_000 }),
      }),
      { maxItems: 100_000, description: 'Open files and descriptor tables that several workers have.' },
    ),
  ),
});
export type TreeRecord = Static<typeof TreeRecord>;

export const exampleTree: TreeRecord = {
  version: 1,
  tree: 't-5f0c6a1b2d3e',
  rootPid: 1,
  state: 'running',
  created: '2026-11-23T15:38:00.000Z',
  parts: [
    { worker: 'worker-1', roots: [{ pid: 1, ppid: 0 }] },
    { worker: 'worker-2', roots: [{ pid: 2, ppid: 1 }] },
  ],
  keys: [{ key: 't-5f0c6a1b2d3e:f0', workers: ['worker-1', 'worker-2'] }],
};
