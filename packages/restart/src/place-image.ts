import { type PlacingOptions, placementLoad, placeTasks, waitsForChildren } from '@ckptree/kernel';
import { EXIT_ZOMBIE, PAGE_SIZE, type StoredPages, type Task, type TaskTree } from '@ckptree/model';
import { type Placement, placementOf } from './placement.js';

/**
 * Where each task of an image goes. Tasks that share an address space or a thread group cannot be apart, and a zombie goes
 * with its parent. Tasks that share a descriptor table, and the children of a task whose program waits for children, are
 * together unless an explicit placement says otherwise; a program that waits for a child on another worker fails.
 * @throws EINVAL the explicit placement names a task or worker that is not there, or parts what cannot be apart; EAGAIN there
 *   is no worker
 */
export function placeImage({ tasks }: TaskTree<StoredPages>, options: PlacingOptions): Placement {
  const positions = new Map(tasks.map(({ pid }, index) => [pid, index]));
  const first = new Map<object, number>();
  const placing = tasks.map((task, index) => {
    const bound: number[] = [];
    const near: number[] = [];
    const meet = (object: object | undefined, list: number[]) => {
      if (object === undefined) return;
      const earlier = first.get(object);
      if (earlier === undefined) first.set(object, index);
      else list.push(earlier);
    };
    meet(task.mm, bound);
    meet(task.files, near);
    const parent = positions.get(task.ppid);
    const leader = task.tgid === task.pid ? undefined : positions.get(task.tgid);
    if (leader !== undefined) bound.push(leader);
    if (parent !== undefined && isZombie(task)) bound.push(parent);
    else if (parent !== undefined && waits(tasks[parent]!)) near.push(parent);
    return { pid: task.pid, load: loadOf(task, first.get(task.mm ?? task) === index), bound, near };
  });
  return placementOf(tasks, placeTasks(placing, withoutZombies(tasks, options)));
}

const isZombie = ({ exitState }: Task<StoredPages>): boolean => exitState === EXIT_ZOMBIE;

const waits = ({ mm }: Task<StoredPages>): boolean => mm?.exe !== undefined && waitsForChildren(mm.exe.path);

function loadOf({ mm }: Task<StoredPages>, ownsMemory: boolean): number {
  let pages = 0;
  const runs = ownsMemory ? mm?.memory.runs : undefined;
  for (let run = 2; run < (runs?.length ?? 0); run += 3) pages += runs![run]!;
  return placementLoad({ tasks: 1, memoryBytes: pages * PAGE_SIZE });
}

/** Nobody places a zombie: it is where its parent is. */
function withoutZombies(
  tasks: readonly Task<StoredPages>[],
  { workers, placement }: PlacingOptions,
): PlacingOptions {
  if (placement === undefined) return { workers };
  const pids = new Set(tasks.map(({ pid }) => pid));
  const zombies = new Set(
    tasks.filter((task) => isZombie(task) && pids.has(task.ppid)).map(({ pid }) => pid),
  );
  return { workers, placement: new Map([...placement].filter(([pid]) => !zombies.has(pid))) };
}
