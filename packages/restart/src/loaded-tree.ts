import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { MemorySnapshot, Mm, StoredPages, Task, TaskTree } from '@ckptree/model';
import type { MemoryVersion } from '@ckptree/store';

/** What versions the memories of a tree were when they were saved, where that is known. */
export type Versions = ReadonlyMap<Mm<StoredPages>, MemoryVersion | undefined>;

/** The address spaces of a tree, each once, in the order in which its image has them. */
export const mmsOf = ({ tasks }: TaskTree<StoredPages>): readonly Mm<StoredPages>[] => [
  ...new Set(tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm]))),
];

/** The same tree with its memory in frames. */
export function withLeaves(
  tree: TaskTree<StoredPages>,
  {
    leaves,
    versions,
  }: { readonly leaves: ReadonlyMap<Mm<StoredPages>, Int32Array>; readonly versions: Versions },
  { handle: { arenas } }: PhysicalMemory,
): TaskTree {
  const memoryOf = (mm: Mm<StoredPages>, own: Int32Array): MemorySnapshot => {
    const version = versions.get(mm);
    if (version === undefined) return { arenas, leaves: own };
    const { incarnation, epoch } = version;
    return { arenas, leaves: own, history: [{ incarnation, first: epoch, last: epoch }] };
  };
  const mms = new Map(
    [...leaves].map(([mm, own]): [Mm<StoredPages>, Mm] => [mm, { ...mm, memory: memoryOf(mm, own) }]),
  );
  const tasks = tree.tasks.map(
    ({ mm, ...task }): Task => (mm === undefined ? task : { ...task, mm: mms.get(mm)! }),
  );
  return { rootPid: tree.rootPid, tasks };
}
