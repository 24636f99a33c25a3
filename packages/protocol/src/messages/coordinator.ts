import { Type } from '@ckptree/schema';
import { exampleWorker, WorkerRecord } from '../records/worker.js';
import { CheckpointStateField, CheckpointSummary } from './checkpoint-state.js';
import { message } from './definition.js';
import {
  CheckpointId,
  Count,
  IdempotencyKey,
  InstanceId,
  Labels,
  lastRun,
  Name,
  NewRetentionPolicy,
  Next,
  Pid,
  Placement,
  pageRequest,
  RetentionPolicy,
  Signal,
  TreeId,
  WorkerId,
  Workers,
} from './fields.js';
import { Schedule, ScheduleRequest } from './schedule.js';
import { exampleEnd, exampleRow, TaskEnds, TaskRows } from './task.js';

const tree = 't-5f0c6a1b2d3e';
const checkpoint = '20261123t153926123-7f3a9c2e';

const started = {
  tree: TreeId('The tree that runs now.'),
  rootPid: Pid('Its root.'),
  tasks: Count('Tasks that were started.'),
  workers: Workers,
};

/** What the coordinator that leads serves, for clients. */
export const coordinatorMessages = {
  spawn: message({
    summary: 'Starts a tree of tasks.',
    request: {
      spec: Type.Unsafe<Record<string, unknown>>({
        type: 'object',
        description: 'What to run: a document of packages/kernel/schemas/spec.schema.json.',
      }),
      baseFolder: Type.Optional(
        Type.String({
          pattern: '^/',
          maxLength: 4_095,
          description: 'The folder that relative paths of the spec start from, the same on all workers.',
        }),
      ),
      placement: Type.Optional(Placement),
      name: Type.Optional(Name()),
      labels: Type.Optional(Labels),
      key: Type.Optional(IdempotencyKey),
    },
    reply: started,
    maxBytes: 4 * 2 ** 20,
    timeoutMs: 30_000,
    example: {
      request: {
        spec: { root: { program: 'forktree', params: { depth: 2 } } },
        placement: { 2: 'worker-2' },
        name: 'nightly',
      },
      reply: { tree, rootPid: 1, tasks: 1, workers: ['worker-1'] },
    },
  }),

  ps: message({
    summary: 'Lists tasks, ascending by pid: of all trees, of one, or one task with all below it.',
    request: { tree: Type.Optional(TreeId()), pid: Type.Optional(Pid()), ...pageRequest },
    reply: {
      tasks: TaskRows,
      next: Next,
      missing: Type.Optional(
        Type.Array(WorkerId(), { maxItems: 10_000, description: 'Workers that did not answer in time.' }),
      ),
    },
    timeoutMs: 10_000,
    example: { request: { tree }, reply: { tasks: [exampleRow] } },
  }),

  signal: message({
    summary: 'Freezes, thaws or kills a task and all below it, on whatever workers they are.',
    request: { pid: Pid(), signal: Signal },
    reply: { tasks: Count('Tasks that it reached.') },
    timeoutMs: 30_000,
    example: { request: { pid: 1, signal: 'freeze' }, reply: { tasks: 12 } },
  }),

  restart: message({
    summary: 'Starts a tree again from a checkpoint.',
    request: {
      checkpoint: CheckpointId(),
      on: Type.Optional(WorkerId('All of it on this worker.')),
      placement: Type.Optional(Placement),
      frozen: Type.Optional(Type.Boolean({ description: 'Leave it frozen until it is thawed.' })),
      name: Type.Optional(Name()),
      labels: Type.Optional(Labels),
      key: Type.Optional(IdempotencyKey),
    },
    reply: started,
    maxBytes: 2 ** 20,
    timeoutMs: 600_000,
    example: {
      request: { checkpoint, on: 'worker-2' },
      reply: { tree, rootPid: 1, tasks: 12, workers: ['worker-2'] },
    },
  }),

  cancel: message({
    summary: 'Gives up a checkpoint that is under way. Its tasks run on.',
    request: { checkpoint: CheckpointId() },
    reply: { state: CheckpointStateField },
    timeoutMs: 15_000,
    example: { request: { checkpoint }, reply: { state: 'cancelled' } },
  }),

  checkpoints: message({
    summary: 'Tells how far checkpoints are: one, or all that the cluster still remembers.',
    request: {
      checkpoint: Type.Optional(CheckpointId()),
      active: Type.Optional(Type.Boolean({ description: 'Only those under way.' })),
    },
    reply: { checkpoints: Type.Array(CheckpointSummary, { maxItems: 1_000, description: 'Newest first.' }) },
    example: {
      request: { checkpoint },
      reply: {
        checkpoints: [{ checkpoint, state: 'dumping', pid: 1, tree, requested: '2026-11-23T15:39:26.123Z' }],
      },
    },
  }),

  ends: message({
    summary: 'Tells how the tasks of a tree ended, ascending by pid.',
    request: { tree: TreeId(), ...pageRequest },
    reply: {
      ends: TaskEnds,
      running: Count('Tasks of the tree that had not ended when this was asked.'),
      lost: Type.Optional(
        Type.Array(WorkerId(), {
          maxItems: 10_000,
          description: 'Workers that were lost: how the tasks ended which they hosted is not known.',
        }),
      ),
      next: Next,
      missing: Type.Optional(
        Type.Array(WorkerId(), { maxItems: 10_000, description: 'Workers that did not answer in time.' }),
      ),
    },
    timeoutMs: 10_000,
    example: { request: { tree }, reply: { ends: [exampleEnd], running: 0 } },
  }),

  workers: message({
    summary: 'Lists the workers that are alive.',
    request: {},
    reply: { workers: Type.Array(WorkerRecord, { maxItems: 10_000 }) },
    example: { request: {}, reply: { workers: [exampleWorker] } },
  }),

  schedule: message({
    summary:
      'Takes a checkpoint of a task again and again, as an interval or cron says; while no tree has the task, it rests, and `lastError` says so, as it does of a checkpoint that failed.',
    request: ScheduleRequest.properties,
    reply: Schedule.properties,
    example: {
      request: { pid: 1, everyMs: 30_000, name: 'nightly' },
      reply: {
        schedule: 's-1',
        pid: 1,
        everyMs: 30_000,
        name: 'nightly',
        next: '2026-11-23T15:39:56.123Z',
      },
    },
  }),

  unschedule: message({
    summary: 'Ends a schedule, if there is one. What it has taken stays.',
    request: { schedule: InstanceId('Its id.') },
    reply: {},
    example: { request: { schedule: 's-1' }, reply: {} },
  }),

  schedules: message({
    summary: 'Lists the schedules.',
    request: {},
    reply: { schedules: Type.Array(Schedule, { maxItems: 1_000 }) },
    example: {
      request: {},
      reply: {
        schedules: [
          {
            schedule: 's-1',
            pid: 1,
            cron: '0 3 * * *',
            lastRun: '2026-11-23T03:00:00.000Z',
            lastError: { code: 'EBUSY', message: 'outstanding aio', fields: {} },
          },
        ],
      },
    },
  }),

  retention: message({
    summary:
      'Tells, sets or applies which checkpoints are kept, and when the rules were applied last, as far as the coordinator that leads knows.',
    request: {
      action: Type.Union([Type.Literal('get'), Type.Literal('set'), Type.Literal('apply')], {
        description: 'Tell the policy; set it, to be applied from now on; apply it at once.',
      }),
      policy: Type.Optional(NewRetentionPolicy),
      dryRun: Type.Optional(Type.Boolean({ description: 'With `apply`: only tell what would go.' })),
    },
    reply: {
      policy: RetentionPolicy,
      forgotten: Type.Optional(Type.Array(CheckpointId(), { maxItems: 100_000 })),
      ...lastRun,
    },
    timeoutMs: 60_000,
    example: { request: { action: 'set', policy: { keepLast: 7 } }, reply: { policy: { keepLast: 7 } } },
  }),
};
