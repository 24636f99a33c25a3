import { CkptError } from '@ckptree/errors';
import { type FragmentRoot, fragmentRoots } from '@ckptree/kernel';
import type { FileTable, OpenFile, StoredPages, Task, TaskTree } from '@ckptree/model';
import { type Static, Type } from '@ckptree/schema';

/** Which worker each task of an image goes to: plain data, small for a tree that falls into few fragments. */
export const Placement = Type.Object(
  {
    workers: Type.Array(Type.String({ minLength: 1, maxLength: 256 })),
    runs: Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), {
      description: 'Pairs, in the order of the image: which of `workers`, and how many tasks go there.',
    }),
  },
  { additionalProperties: false },
);
export type Placement = Static<typeof Placement>;

/** @param workerOf by pid */
export function placementOf(
  tasks: readonly Pick<Task<unknown>, 'pid'>[],
  workerOf: ReadonlyMap<number, string>,
): Placement {
  const numbers = new Map<string, number>();
  const runs: number[] = [];
  for (const { pid } of tasks) {
    const worker = workerOf.get(pid)!;
    const number = numbers.get(worker) ?? numbers.size;
    numbers.set(worker, number);
    if (runs.at(-2) === number) runs[runs.length - 1]!++;
    else runs.push(number, 1);
  }
  return { workers: [...numbers.keys()], runs };
}

/** The worker of each task, in the order of the image. @throws EINVAL the placement is of another tree */
export function workersOf({ workers, runs }: Placement, tasks: number): string[] {
  const list: string[] = [];
  for (let run = 0; run < runs.length; run += 2)
    for (let count = 0; count < (runs[run + 1] ?? 0) && list.length <= tasks; count++)
      list.push(workers[runs[run]!] ?? '');
  if (list.length === tasks && !list.includes('')) return list;
  throw new CkptError('EINVAL', `the placement is not one of this tree of ${tasks} tasks`);
}

/** What one worker will host of a tree. */
export interface PlacedPart {
  readonly worker: string;
  readonly tasks: number;
  readonly roots: readonly FragmentRoot[];
}

/** An open file or descriptor table that several workers will have. */
export interface SpreadObject {
  readonly key: string;
  readonly workers: readonly string[];
}

/** What a placement comes to. */
export function describePlacement(
  { tasks }: TaskTree<StoredPages>,
  placement: Placement,
  treeId: string,
): { readonly parts: readonly PlacedPart[]; readonly keys: readonly SpreadObject[] } {
  const workers = workersOf(placement, tasks.length);
  const parts = placement.workers.map((worker) => {
    const own = tasks.filter((_, index) => workers[index] === worker);
    return { worker, tasks: own.length, roots: fragmentRoots(own) };
  });
  const keys = [...spreadObjects(tasks, workers)].map(([object, holders]) => ({
    key: keyOf(treeId, object),
    workers: [...holders],
  }));
  return { parts, keys };
}

/** What an object of an image is called on every worker that has it. */
export const keyOf = (treeId: string, object: FileTable | OpenFile): string =>
  `${treeId}:${'descriptors' in object ? 'd' : 'f'}${object.id}`;

/** The open files and descriptor tables that several workers will have, and who. */
export function spreadObjects(
  tasks: readonly Task<StoredPages>[],
  workers: readonly string[],
): Map<FileTable | OpenFile, Set<string>> {
  const holders = new Map<FileTable | OpenFile, Set<string>>();
  const hold = (object: FileTable | OpenFile, worker: string) => {
    const others = holders.get(object);
    if (others === undefined) holders.set(object, new Set([worker]));
    else others.add(worker);
  };
  for (const [index, { files, mm }] of tasks.entries()) {
    const worker = workers[index]!;
    if (files !== undefined) hold(files, worker);
    for (const { file } of files?.descriptors ?? []) hold(file, worker);
    if (mm?.exe !== undefined) hold(mm.exe, worker);
    for (const { file } of mm?.vmas ?? []) if (file !== undefined) hold(file, worker);
  }
  for (const [object, workers] of holders) if (workers.size === 1) holders.delete(object);
  return holders;
}
