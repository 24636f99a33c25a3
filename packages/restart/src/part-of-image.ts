import { CkptError } from '@ckptree/errors';
import type { FileTable, Mm, OpenFile, StoredPages, Task, TaskTree } from '@ckptree/model';
import { keyOf, type Placement, spreadObjects, workersOf } from './placement.js';

export interface PartOptions {
  /** Names the tree: what several workers have is called by it. */
  readonly treeId: string;
  readonly worker: string;
  readonly placement: Placement;
}

/**
 * The tasks of an image that go to one worker. What others have, too, has the same key there.
 * @returns a tree whose `rootPid` is that of the whole tree
 * @throws EINVAL the placement is of another tree, or parts tasks that share an address space; ESRCH nothing goes to this worker
 */
export function partOfImage(
  { rootPid, tasks }: TaskTree<StoredPages>,
  { treeId, worker, placement }: PartOptions,
): TaskTree<StoredPages> {
  const workers = workersOf(placement, tasks.length);
  checkTogether(tasks, workers);
  const own = tasks.filter((_, index) => workers[index] === worker);
  if (own.length === 0)
    throw new CkptError('ESRCH', `no task of the image goes to worker ${worker}`, { worker });
  const copies = new KeyedCopies(treeId, spreadObjects(tasks, workers));
  return { rootPid, tasks: own.map((task) => copies.task(task)) };
}

function checkTogether(tasks: readonly Task<StoredPages>[], workers: readonly string[]): void {
  const places = new Map<object, string>();
  for (const [index, { mm, pid }] of tasks.entries()) {
    if (mm === undefined) continue;
    const worker = workers[index]!;
    const other = places.get(mm) ?? worker;
    if (other !== worker)
      throw new CkptError(
        'EINVAL',
        `task ${pid} is to go to worker ${worker} and shares its address space with a task on ${other}`,
        { pid, worker },
      );
    places.set(mm, worker);
  }
}

/** Tasks, with keys on all that is spread; what is not stays the same object. */
class KeyedCopies {
  readonly #treeId: string;
  readonly #spread: ReadonlyMap<object, unknown>;
  readonly #copies = new Map<object, object>();

  constructor(treeId: string, spread: ReadonlyMap<object, unknown>) {
    this.#treeId = treeId;
    this.#spread = spread;
  }

  task({ files, mm, ...task }: Task<StoredPages>): Task<StoredPages> {
    return {
      ...task,
      ...(files !== undefined && { files: this.#table(files) }),
      ...(mm !== undefined && { mm: this.#mm(mm) }),
    };
  }

  #table(table: FileTable): FileTable {
    const files = table.descriptors.map(({ file }) => file);
    if (!this.#spread.has(table) && !files.some((file) => this.#spread.has(file))) return table;
    return this.#once(table, () => ({
      ...table,
      ...this.#key(table),
      descriptors: table.descriptors.map((descriptor) => ({
        ...descriptor,
        file: this.#file(descriptor.file),
      })),
    }));
  }

  #mm(mm: Mm<StoredPages>): Mm<StoredPages> {
    const files = [mm.exe, ...mm.vmas.map(({ file }) => file)];
    if (!files.some((file) => file !== undefined && this.#spread.has(file))) return mm;
    return this.#once(mm, () => ({
      ...mm,
      ...(mm.exe !== undefined && { exe: this.#file(mm.exe) }),
      vmas: mm.vmas.map((vma) => (vma.file === undefined ? vma : { ...vma, file: this.#file(vma.file) })),
    }));
  }

  #file(file: OpenFile): OpenFile {
    return this.#spread.has(file) ? this.#once(file, () => ({ ...file, ...this.#key(file) })) : file;
  }

  #key(object: FileTable | OpenFile): { readonly key?: string } {
    return this.#spread.has(object) ? { key: keyOf(this.#treeId, object) } : {};
  }

  /** One copy of each object, as there is one of it. */
  #once<T extends object>(object: T, copy: () => T): T {
    const known = this.#copies.get(object);
    if (known !== undefined) return known as T;
    const made = copy();
    this.#copies.set(object, made);
    return made;
  }
}
