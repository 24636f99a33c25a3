import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { Mm, StoredPages, Task, TaskTree } from '@ckptree/model';

/** The address spaces of a tree, each once, in the order in which its image has them. */
export const mmsOf = ({ tasks }: TaskTree<StoredPages>): readonly Mm<StoredPages>[] => [
  ...new Set(tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm]))),
];

/** The same tree with its memory in frames. */
export function withLeaves(
  tree: TaskTree<StoredPages>,
  leaves: ReadonlyMap<Mm<StoredPages>, Int32Array>,
  { handle: { arenas } }: PhysicalMemory,
): TaskTree {
  const mms = new Map(
    [...leaves].map(([mm, made]): [Mm<StoredPages>, Mm] => [mm, { ...mm, memory: { arenas, leaves: made } }]),
  );
  const tasks = tree.tasks.map(
    ({ mm, ...task }): Task => (mm === undefined ? task : { ...task, mm: mms.get(mm)! }),
  );
  return { rootPid: tree.rootPid, tasks };
}
