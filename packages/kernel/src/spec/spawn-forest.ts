import { type Static, Type } from '@ckptree/schema';
import { PID_MAX } from './schema.js';

const closed = { additionalProperties: false };
const Pid = Type.Integer({ minimum: 1, maximum: PID_MAX });
const Index = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });
const Key = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'The same wherever the tree is; absent: only here.',
  }),
);

const ForestTask = Type.Object(
  {
    pid: Pid,
    ppid: Type.Integer({ minimum: 0, maximum: PID_MAX, description: 'It may be in another kernel.' }),
    pgid: Pid,
    sid: Pid,
    comm: Type.String({ minLength: 1, maxLength: 64 }),
    start: Type.Integer({ ...Index, description: 'What it runs: which of `starts`.' }),
    mmOf: Type.Optional(
      Type.Integer({ ...Index, description: 'Shares the address space of that one of `tasks`, before it.' }),
    ),
    table: Type.Integer({ ...Index, description: 'Its descriptor table: which of `tables`.' }),
  },
  closed,
);

/** Tasks that one kernel is asked to start: a whole tree, or its part of a tree that is spread over several. */
export const SpawnForest = Type.Object(
  {
    rootPid: Type.Integer({
      ...Pid,
      description: 'The root of the whole tree, which may be in another kernel.',
    }),
    tasks: Type.Array(ForestTask, { description: 'In the order of the whole tree, depth-first.' }),
    starts: Type.Array(Type.Object({ program: Type.String(), params: Type.Object({}) }, closed)),
    tables: Type.Array(
      Type.Object(
        {
          key: Key,
          open: Type.Array(
            Type.Object(
              { fd: Index, file: Type.Integer({ ...Index, description: 'Which of `files`.' }) },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    files: Type.Array(
      Type.Object(
        {
          key: Key,
          path: Type.String({ minLength: 1, maxLength: 4095 }),
          flags: Type.Union([Type.Literal('r'), Type.Literal('r+'), Type.Literal('w+'), Type.Literal('a')]),
        },
        closed,
      ),
    ),
  },
  closed,
);

export type SpawnForest = Static<typeof SpawnForest>;
export type ForestTask = Static<typeof ForestTask>;
