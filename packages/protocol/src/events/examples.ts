import { PREFIX, PROTOCOL_VERSION } from '../messages/definition.js';
import { exampleEnd } from '../messages/task.js';
import type { ClusterEvent } from './event.js';

/** One event of each type, and the subject of all like it. */

const version = PROTOCOL_VERSION;
const at = '2026-11-23T15:39:26.123Z';
const checkpoint = '20261123t153926123-7f3a9c2e';
const tree = 't-5f0c6a1b2d3e';
const ofCheckpoint = { version, at, checkpoint, pid: 1, tree, name: 'nightly' } as const;
const ofTree = { version, at, tree, rootPid: 1 } as const;
const ofWorker = { version, at, worker: 'worker-1' } as const;

const events: readonly ClusterEvent[] = [
  { type: 'accepted', ...ofCheckpoint },
  {
    type: 'prepared',
    ...ofCheckpoint,
    workers: ['worker-1', 'worker-2'],
    figures: { tasks: 12, mms: 8, freezeUs: 180, snapshotUs: 90 },
  },
  { type: 'resumed', ...ofCheckpoint, figures: { tasks: 12, downtimeUs: 2_300 } },
  {
    type: 'progress',
    ...ofCheckpoint,
    worker: 'worker-1',
    bytes: 2 ** 26,
    totalBytes: 2 ** 30,
    mms: [{ pid: 7, objref: 12, bytes: 2 ** 26, totalBytes: 2 ** 30 }],
  },
  { type: 'stored', ...ofCheckpoint, figures: { logicalBytes: 2 ** 30, newBytes: 2 ** 28 } },
  { type: 'completed', ...ofCheckpoint, figures: { tasks: 12, downtimeUs: 2_300, totalMs: 1_240 } },
  {
    type: 'failed',
    ...ofCheckpoint,
    error: {
      code: 'ETIMEDOUT',
      message: 'worker worker-2 did not answer worker.prepare within 2000 ms',
      fields: { worker: 'worker-2' },
    },
  },
  { type: 'cancelled', ...ofCheckpoint },
  { type: 'spawned', ...ofTree, tasks: 12, workers: ['worker-1', 'worker-2'] },
  { type: 'restarted', ...ofTree, checkpoint, tasks: 12, workers: ['worker-2'] },
  { type: 'task-ended', ...ofTree, worker: 'worker-1', ends: [exampleEnd] },
  { type: 'ended', ...ofTree, tasks: 12 },
  { type: 'worker.joined', ...ofWorker, host: 'node-a' },
  { type: 'worker.lost', ...ofWorker, reason: 'silent', trees: [tree] },
];

const ids = { checkpoint: '<checkpoint>', tree: '<tree>', worker: '<worker>' };

const subjectOf = (event: ClusterEvent): string => {
  if (event.type.startsWith('worker.'))
    return `${PREFIX}.event.worker.${ids.worker}.${event.type.slice('worker.'.length)}`;
  return 'pid' in event
    ? `${PREFIX}.event.checkpoint.${ids.checkpoint}.${event.type}`
    : `${PREFIX}.event.tree.${ids.tree}.${event.type}`;
};

export const exampleEvents = events.map((event) => ({ event, subject: subjectOf(event) }));
