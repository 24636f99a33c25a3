import { CkptError } from '@ckptree/errors';
import { documentCheck, type Static, Type } from '@ckptree/schema';

/**
 * What one worker tells of its part of a cut: who there is, which objects they share and which files those consist of.
 * No registers, no pages. Columns instead of objects, because a tree may have a hundred thousand tasks: entry `n` of each
 * column is of task, table, address space or file `n`.
 */

const Int = Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 });
const Ints = (description: string) => Type.Array(Int, { description });
const Lists = (description: string) => Type.Array(Type.Array(Int), { description });
const Counts = (description: string) =>
  Type.Array(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), { description });
const Key = Type.String({ minLength: 1, maxLength: 256 });
const closed = { additionalProperties: false };

export const Skeleton = Type.Object(
  {
    worker: Type.String({ minLength: 1, maxLength: 256 }),
    tasks: Type.Object(
      {
        pid: Ints('In depth-first order of the part.'),
        ppid: Ints('Parent, who may be on another worker.'),
        tgid: Ints('Leader of the thread group; 0: itself.'),
        pgid: Ints('Process group.'),
        sid: Ints('Session.'),
        comm: Ints('Name: which of `comms`.'),
        table: Ints('Which of `tables`; -1: none.'),
        mm: Ints('Which of `mms`; -1: none.'),
      },
      closed,
    ),
    zombies: Ints('Which tasks have ended.'),
    comms: Type.Array(Type.String({ maxLength: 64 })),
    tables: Type.Object(
      {
        users: Counts('Tasks that use it, also outside of the part.'),
        files: Lists('The open file of each descriptor, ascending by descriptor: which of `files`.'),
        keyed: Type.Array(
          Type.Object(
            {
              table: Int,
              key: Key,
              fds: Ints('The descriptors; those that are closed on exec as -1 - fd.'),
            },
            closed,
          ),
          { description: 'Those that other workers may have, too.' },
        ),
      },
      closed,
    ),
    mms: Type.Object(
      {
        users: Counts('Tasks that use it, also outside of the part.'),
        exe: Ints('The executable: which of `files`; -1: none.'),
        vmas: Lists(
          'The file behind each vma that has one: which of `files`; behind a special one as -1 - file.',
        ),
        pages: Counts('Pages that are to be saved.'),
      },
      closed,
    ),
    files: Type.Object(
      {
        users: Counts('References, also those from outside of the part.'),
        path: Ints('Which of `paths`.'),
        keyed: Type.Array(Type.Object({ file: Int, key: Key }, closed), {
          description: 'Those that other workers may have, too.',
        }),
      },
      closed,
    ),
    paths: Type.Array(Type.String({ maxLength: 4096 })),
  },
  closed,
);

export type Skeleton = Static<typeof Skeleton>;

const checkShape = documentCheck(Skeleton);

/**
 * Gives a document that came from a worker its type.
 * @param worker who is said to have sent it
 * @throws EBADMSG it is no skeleton of that worker, or refers to what it does not hold
 */
export function checkSkeleton(document: unknown, worker: string): Skeleton {
  const skeleton = checkShape(`the skeleton of worker ${worker}`, document);
  const fault =
    strayIn(skeleton) ?? contradictionIn(skeleton) ?? (skeleton.worker === worker ? undefined : 'worker');
  if (fault === undefined) return skeleton;
  throw new CkptError(
    'EBADMSG',
    `the skeleton of worker ${worker} contradicts itself in /${fault}; is it of another version?`,
    { field: `/${fault}`, worker },
  );
}

/** A place that refers to nothing, or a column that is too short. */
function strayIn({ tasks, zombies, comms, tables, mms, files, paths }: Skeleton): string | undefined {
  const [taskCount, tableCount, mmCount, fileCount] = [
    tasks.pid.length,
    tables.users.length,
    mms.users.length,
    files.users.length,
  ];
  const columns: readonly (readonly [string, readonly unknown[], number])[] = [
    ...Object.entries(tasks).map(([name, column]) => [`tasks/${name}`, column, taskCount] as const),
    ['tables/files', tables.files, tableCount],
    ['mms/exe', mms.exe, mmCount],
    ['mms/vmas', mms.vmas, mmCount],
    ['mms/pages', mms.pages, mmCount],
    ['files/path', files.path, fileCount],
  ];
  const references: readonly (readonly [string, Iterable<number>, number, number])[] = [
    ['tasks/pid', tasks.pid, 1, 2 ** 31],
    ...(['ppid', 'tgid', 'pgid', 'sid'] as const).map(
      (name) => [`tasks/${name}`, tasks[name], 0, 2 ** 31] as const,
    ),
    ['tasks/comm', tasks.comm, 0, comms.length],
    ['tasks/table', tasks.table, -1, tableCount],
    ['tasks/mm', tasks.mm, -1, mmCount],
    ['zombies', zombies, 0, taskCount],
    ['tables/files', flat(tables.files), 0, fileCount],
    ['tables/keyed', tables.keyed.map(({ table }) => table), 0, tableCount],
    ['mms/exe', mms.exe, -1, fileCount],
    ['mms/vmas', flat(mms.vmas), -fileCount, fileCount],
    ['files/path', files.path, 0, paths.length],
    ['files/keyed', files.keyed.map(({ file }) => file), 0, fileCount],
  ];
  const short = columns.find(([, column, length]) => column.length !== length);
  const stray = references.find(([, numbers, from, to]) => hasOutside(numbers, from, to));
  return short?.[0] ?? stray?.[0];
}

/** A place that cannot be so beside the others, all of which refer to something. */
function contradictionIn({ tasks, zombies, tables, files }: Skeleton): string | undefined {
  const contradictions: readonly (readonly [string, boolean])[] = [
    ['tasks/tgid', tasks.tgid.some((tgid, index) => tgid === tasks.pid[index])],
    // What has ended has given back all that it had: whatever it led to, nobody would write.
    ['zombies', zombies.some((index) => tasks.table[index] !== -1 || tasks.mm[index] !== -1)],
    ['tables/keyed', tables.keyed.some(({ table, fds }) => fds.length !== tables.files[table]!.length)],
    // Two objects that were taken for one would be defined twice.
    ['tables/keyed', hasTwice(tables.keyed, ({ table }) => table)],
    ['tables/keyed', hasTwice(tables.keyed, ({ key }) => key)],
    ['files/keyed', hasTwice(files.keyed, ({ file }) => file)],
    ['files/keyed', hasTwice(files.keyed, ({ key }) => key)],
  ];
  return contradictions.find(([, isFound]) => isFound)?.[0];
}

const hasTwice = <Item>(items: readonly Item[], markOf: (item: Item) => unknown): boolean =>
  new Set(items.map(markOf)).size < items.length;

function* flat(lists: readonly (readonly number[])[]): Generator<number> {
  for (const list of lists) yield* list;
}

function hasOutside(numbers: Iterable<number>, from: number, to: number): boolean {
  for (const number of numbers) if (number < from || number >= to) return true;
  return false;
}
