import type { FileTable, Mm, OpenFile, Task, TaskTree } from '@ckptree/model';

/**
 * The parts in which several workers would host a tree: objects that tasks on several workers have are there on each, under
 * one key, with the users that they have there.
 * @param workerOf which worker each task is on; tasks that share memory must be on one
 */
export function splitTree(tree: TaskTree, workerOf: (task: Task) => string): Map<string, TaskTree> {
  const groups = new Map<string, Task[]>();
  for (const task of tree.tasks) {
    const worker = workerOf(task);
    groups.set(worker, [...(groups.get(worker) ?? []), task]);
  }
  const workersOf = new Map<object, Set<string>>();
  for (const [worker, tasks] of groups)
    for (const object of objectsOf(tasks))
      workersOf.set(object, (workersOf.get(object) ?? new Set()).add(worker));
  const isSpread = (object: object) => (workersOf.get(object)?.size ?? 0) > 1;
  return new Map([...groups].map(([worker, tasks]) => [worker, partOf(tasks, isSpread)]));
}

function partOf(tasks: readonly Task[], isSpread: (object: object) => boolean): TaskTree {
  const references = countReferences(tasks);
  const copies = new Map<object, object>();
  const copyOf = <T extends object>(object: T, make: () => T): T => {
    const known = copies.get(object);
    if (known !== undefined) return known as T;
    const copy = make();
    copies.set(object, copy);
    return copy;
  };
  const key = (object: { readonly id: number }) => (isSpread(object) ? { key: `t-test:${object.id}` } : {});
  const users = (object: { readonly users: number }) => ({
    // Somebody outside of the tree is on one of the workers: wherever the object is, that is where it is counted.
    users: isSpread(object) ? references.get(object)! : object.users,
  });
  const file = (of: OpenFile) => copyOf(of, () => ({ ...of, ...key(of), ...users(of) }));
  const table = (of: FileTable) =>
    copyOf(of, () => ({
      ...of,
      ...key(of),
      ...users(of),
      descriptors: of.descriptors.map((descriptor) => ({ ...descriptor, file: file(descriptor.file) })),
    }));
  const mm = (of: Mm) =>
    copyOf(of, () => ({
      ...of,
      ...(of.exe !== undefined && { exe: file(of.exe) }),
      vmas: of.vmas.map((vma) => (vma.file === undefined ? vma : { ...vma, file: file(vma.file) })),
    }));
  return {
    rootPid: tasks[0]!.pid,
    tasks: tasks.map((task) => ({
      ...task,
      ...(task.files !== undefined && { files: table(task.files) }),
      ...(task.mm !== undefined && { mm: mm(task.mm) }),
    })),
  };
}

function objectsOf(tasks: readonly Task[]): Set<object> {
  const objects = new Set<object>();
  for (const { files, mm } of tasks) {
    if (files !== undefined) for (const object of [files, ...filesOfTable(files)]) objects.add(object);
    if (mm !== undefined) for (const object of [mm, ...filesOfMm(mm)]) objects.add(object);
  }
  return objects;
}

/** As a kernel counts them. */
function countReferences(tasks: readonly Task[]): Map<object, number> {
  const counts = new Map<object, number>();
  const count = (object: object) => counts.set(object, (counts.get(object) ?? 0) + 1);
  for (const { files, mm } of tasks) {
    if (files !== undefined) count(files);
    if (mm !== undefined) count(mm);
  }
  for (const object of [...counts.keys()])
    for (const file of 'vmas' in object ? filesOfMm(object as Mm) : filesOfTable(object as FileTable))
      count(file);
  return counts;
}

const filesOfTable = ({ descriptors }: FileTable): OpenFile[] => descriptors.map(({ file }) => file);

const filesOfMm = ({ exe, vmas }: Mm): OpenFile[] =>
  [exe, ...vmas.map(({ file }) => file)].flatMap((file) => file ?? []);

/** The parts of a tree by the pids that each worker has. */
export const partsOf = (
  of: TaskTree,
  pids: Readonly<Record<string, readonly number[]>>,
): Map<string, TaskTree> =>
  splitTree(of, ({ pid }) => Object.entries(pids).find(([, own]) => own.includes(pid))![0]);
