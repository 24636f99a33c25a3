import { Type } from '@ckptree/schema';
import { DocumentId, DocumentRef, PageCount, PageNumber } from '../documents/document.js';
import { exampleTree, TreeRecord } from '../records/tree.js';
import { message } from './definition.js';
import { CheckpointId, Count, Failure, Next, Pid, pageRequest, Signal, TreeId } from './fields.js';
import { exampleEnd, exampleRow, TaskEnds, TaskRows } from './task.js';

const tree = 't-5f0c6a1b2d3e';
const checkpoint = '20261123t153926123-7f3a9c2e';

const document = '0f3a9c2e51b7d846';

const Pids = (description: string) => Type.Array(Pid(), { maxItems: 100_000, description });
const Us = (description: string) => Type.Number({ minimum: 0, description });

const MmProgress = Type.Object({
  pid: Pid('The task that reaches it first.'),
  objref: Type.Optional(Count('Its number in the image.')),
  bytes: Count('Bytes of it that are durable.'),
  totalBytes: Count('Its bytes.'),
});

/** What each worker serves, for the coordinator. All of it may be sent again: what is done already is only told. */
export const workerMessages = {
  spawn: message({
    summary: 'Loads a part of a new tree. Its tasks do not run before `start`.',
    request: {
      tree: TreeId(),
      rootPid: Pid('Root of the whole tree.'),
      part: DocumentRef('The tasks of this part, with their pids, parents and the keys of what they share.'),
    },
    reply: { tasks: Count('Tasks that were loaded.') },
    maxBytes: 2 ** 20,
    timeoutMs: 60_000,
    example: { request: { tree, rootPid: 1, part: { value: {} } }, reply: { tasks: 6 } },
  }),

  restore: message({
    summary:
      'Begins to load a part of a tree from a checkpoint; `status` tells how far it is. Its tasks do not run before `start`.',
    request: {
      tree: TreeId(),
      rootPid: Pid('Root of the whole tree.'),
      checkpoint: CheckpointId('What it is loaded from.'),
      part: DocumentRef('Which tasks of the checkpoint are hosted here.'),
    },
    reply: {},
    maxBytes: 2 ** 20,
    timeoutMs: 30_000,
    example: { request: { tree, rootPid: 1, checkpoint, part: { value: {} } }, reply: {} },
  }),

  start: message({
    summary: 'Lets the tasks of a part that is loaded run.',
    request: {
      tree: TreeId(),
      frozen: Type.Optional(Type.Boolean({ description: 'They stay frozen until they are thawed.' })),
      record: Type.Optional(
        Type.Object(TreeRecord.properties, {
          description: 'The record of the tree: the worker keeps a copy.',
        }),
      ),
    },
    reply: { tasks: Count('Tasks of the part.') },
    maxBytes: 2 ** 20,
    timeoutMs: 15_000,
    example: { request: { tree, record: exampleTree }, reply: { tasks: 6 } },
  }),

  abandon: message({
    summary: 'Gives up a part that was loaded and not started.',
    request: { tree: TreeId() },
    reply: {},
    timeoutMs: 15_000,
    example: { request: { tree }, reply: {} },
  }),

  disown: message({
    summary:
      'Tells that tasks on other workers have ended: their children here get another parent, and zombies that nobody is left to wait for vanish.',
    request: { tree: TreeId(), parents: Pids('The tasks that have ended.') },
    reply: { gone: Count('Zombies that vanished.') },
    maxBytes: 2 ** 20,
    example: { request: { tree, parents: [9] }, reply: { gone: 1 } },
  }),

  setparent: message({
    summary: 'Gives fragment roots another parent, on whatever worker that is.',
    request: {
      tree: TreeId(),
      parents: Type.Array(Type.Object({ pid: Pid(), ppid: Pid('Its new parent.') }), { maxItems: 100_000 }),
    },
    reply: { changed: Count('Tasks that have another parent now.') },
    maxBytes: 2 ** 20,
    example: { request: { tree, parents: [{ pid: 9, ppid: 1 }] }, reply: { changed: 1 } },
  }),

  prepare: message({
    summary:
      'Freezes the part of a tree that is hosted here, and snapshots it. Answers as soon as that is done.',
    request: {
      checkpoint: CheckpointId(),
      pid: Pid('The task that is saved, with all below it.'),
      tree: TreeId(),
      roots: Pids('The tasks which are saved, each with all below it that is hosted here.'),
      leaseMs: Type.Integer({
        minimum: 100,
        maximum: 600_000,
        description: 'Without `resume` the tasks run on by themselves so long after the receipt.',
      }),
    },
    reply: {
      tasks: Count('Tasks of the part, zombies among them.'),
      freezeUs: Us('From when the first task was told to stand still until the last did.'),
      snapshotUs: Us('From there until the last snapshot was taken.'),
    },
    maxBytes: 2 ** 20,
    timeoutMs: 10_000,
    example: {
      request: { checkpoint, pid: 1, tree, roots: [1], leaseMs: 2_000 },
      reply: { tasks: 6, freezeUs: 180, snapshotUs: 90 },
    },
  }),

  resume: message({
    summary: 'Lets the tasks run on. The snapshot is kept until `release`.',
    request: { checkpoint: CheckpointId() },
    reply: {
      downtimeUs: Us('How long the tasks stood still.'),
      expired: Type.Boolean({ description: 'The lease had ended before: the tasks ran already.' }),
    },
    timeoutMs: 10_000,
    example: { request: { checkpoint }, reply: { downtimeUs: 2_300, expired: false } },
  }),

  abort: message({
    summary: 'Gives up a cut or a dump, at any step: the tasks run on, the snapshot is given back.',
    request: { checkpoint: CheckpointId() },
    reply: {},
    timeoutMs: 10_000,
    example: { request: { checkpoint }, reply: {} },
  }),

  describe: message({
    summary: 'Tells what the snapshot holds: the skeleton of the part, without registers and pages.',
    request: { checkpoint: CheckpointId() },
    reply: { tasks: Count('Tasks of the part.'), skeleton: DocumentRef('The skeleton.') },
    timeoutMs: 30_000,
    example: { request: { checkpoint }, reply: { tasks: 6, skeleton: { value: {} } } },
  }),

  dump: message({
    summary: 'Begins to encode and store the segments that are assigned; `status` tells how far it is.',
    request: {
      checkpoint: CheckpointId(),
      parent: Type.Optional(CheckpointId('What it is likely to be much like.')),
      assignment: DocumentRef('The assignment: segments with their objrefs.'),
    },
    reply: { segments: Count('Segments that are assigned.') },
    maxBytes: 2 ** 20,
    timeoutMs: 30_000,
    example: { request: { checkpoint, assignment: { value: {} } }, reply: { segments: 2 } },
  }),

  status: message({
    summary: 'Tells how far a dump or a load is. Waits for news as long as `waitMs` lets it.',
    request: {
      checkpoint: Type.Optional(CheckpointId('The dump.')),
      tree: Type.Optional(TreeId('The load.')),
      waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000, description: 'None if absent.' })),
    },
    reply: {
      state: Type.Union(
        [
          Type.Literal('unknown'),
          Type.Literal('prepared'),
          Type.Literal('held'),
          Type.Literal('dumping'),
          Type.Literal('sealed'),
          Type.Literal('loading'),
          Type.Literal('loaded'),
          Type.Literal('started'),
          Type.Literal('failed'),
        ],
        {
          description:
            'Nothing is known of it; frozen; snapshot held, tasks run; dumping; all is durable; loading; loaded; started; failed.',
        },
      ),
      bytes: Type.Optional(Count('Bytes that are done.')),
      totalBytes: Type.Optional(Count('Bytes in all.')),
      mms: Type.Optional(
        Type.Array(MmProgress, { maxItems: 100, description: 'Address spaces under way, the largest.' }),
      ),
      error: Type.Optional(Failure),
    },
    timeoutMs: 5_000,
    example: {
      request: { checkpoint, waitMs: 1_000 },
      reply: {
        state: 'dumping',
        bytes: 2 ** 26,
        totalBytes: 2 ** 30,
        mms: [{ pid: 7, objref: 12, bytes: 2 ** 26, totalBytes: 2 ** 30 }],
      },
    },
  }),

  result: message({
    summary:
      'Tells what a dump that is sealed has stored: segments, sizes, and the chunks that it relies on.',
    request: { checkpoint: CheckpointId() },
    reply: {
      logicalBytes: Count('Bytes of the segments.'),
      newBytes: Count('Of them, what the store did not have.'),
      storedBytes: Count('What these took in the store.'),
      stored: DocumentRef('Segments with their recipes, and the chunks.'),
    },
    timeoutMs: 30_000,
    example: {
      request: { checkpoint },
      reply: { logicalBytes: 2 ** 30, newBytes: 2 ** 28, storedBytes: 2 ** 26, stored: { value: {} } },
    },
  }),

  release: message({
    summary: 'Ends a checkpoint on this worker: the snapshot is given back.',
    request: { checkpoint: CheckpointId() },
    reply: {},
    timeoutMs: 10_000,
    example: { request: { checkpoint }, reply: {} },
  }),

  fragments: message({
    summary: 'Tells which fragments of a tree are hosted here: its tasks whose parents are not.',
    request: { tree: TreeId() },
    reply: {
      tasks: Count('Tasks of the tree that are hosted here, zombies among them.'),
      roots: Type.Array(
        Type.Object({ pid: Pid(), ppid: Type.Integer({ minimum: 0, description: 'Its parent.' }) }),
        { maxItems: 100_000, description: 'The fragment roots.' },
      ),
    },
    example: { request: { tree }, reply: { tasks: 6, roots: [{ pid: 1, ppid: 0 }] } },
  }),

  living: message({
    summary: 'Tells which of some tasks are hosted here and have not ended.',
    request: { tree: TreeId(), pids: Pids('The tasks.') },
    reply: { pids: Pids('Those that live here.') },
    maxBytes: 2 ** 20,
    example: { request: { tree, pids: [1, 9] }, reply: { pids: [1] } },
  }),

  signal: message({
    summary:
      'Freezes, thaws or kills tasks that are hosted here, each with all below it that is hosted here.',
    request: { tree: TreeId(), roots: Pids('The tasks.'), signal: Signal },
    reply: { tasks: Count('Tasks that it reached.') },
    maxBytes: 2 ** 20,
    timeoutMs: 15_000,
    example: { request: { tree, roots: [1], signal: 'kill' }, reply: { tasks: 6 } },
  }),

  ps: message({
    summary: 'Lists the tasks that are hosted here, ascending by pid: all, those of a tree, or one.',
    request: { tree: Type.Optional(TreeId()), pid: Type.Optional(Pid()), ...pageRequest },
    reply: { tasks: TaskRows, next: Next },
    example: { request: { tree }, reply: { tasks: [exampleRow] } },
  }),

  ends: message({
    summary: 'Tells how the tasks of a tree that were hosted here ended, in the order in which they did.',
    request: { tree: TreeId(), ...pageRequest },
    reply: {
      ends: TaskEnds,
      running: Count('Tasks of the tree here that had not ended when this was asked.'),
      next: Next,
    },
    example: { request: { tree }, reply: { ends: [exampleEnd], running: 0 } },
  }),

  held: message({
    summary:
      'Lists what is held here: trees of which a part runs, with the copies of their records, and checkpoints under way.',
    request: pageRequest,
    reply: {
      trees: Type.Array(TreeRecord, { maxItems: 5_000, description: 'A page of the records.' }),
      loaded: Type.Optional(
        Type.Array(TreeId(), {
          maxItems: 5_000,
          description:
            'Trees of which a part is loaded, or being loaded, and was not started; all of them, with each page.',
        }),
      ),
      checkpoints: Type.Array(
        Type.Object({
          checkpoint: CheckpointId(),
          pid: Pid('The task that is saved, with all below it.'),
          tree: TreeId(),
        }),
        { maxItems: 5_000, description: 'All of them, with each page.' },
      ),
      next: Next,
    },
    example: {
      request: {},
      reply: { trees: [exampleTree], loaded: [], checkpoints: [{ checkpoint, pid: 1, tree }] },
    },
  }),

  document: message({
    summary: 'A page of a document that a later request will name. It may be sent again.',
    request: { document: DocumentId, page: PageNumber, pages: PageCount },
    reply: {},
    payload: { request: 'The page: a stretch of the gzipped JSON.' },
    maxBytes: 2 ** 20,
    timeoutMs: 15_000,
    example: { request: { document, page: 0, pages: 3 }, reply: {} },
  }),

  page: message({
    summary: 'Fetches a page of a document that a reply has named.',
    request: { document: DocumentId, page: PageNumber },
    reply: {},
    payload: { reply: 'The page: a stretch of the gzipped JSON.' },
    timeoutMs: 15_000,
    example: { request: { document, page: 0 }, reply: {} },
  }),
};
