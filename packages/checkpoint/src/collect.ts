import { at, CkptError } from '@ckptree/errors';
import type { Leak, ObjHash } from '@ckptree/objhash';
import type { Debug } from './debug.js';
import type { CollectedFile, CollectedMm, CollectedTable, CollectedTask, CollectedTypes } from './objects.js';

type Hash = ObjHash<CollectedTypes>;

/**
 * Puts every shared object of a tree into the hash, in the order in which the image defines them: for each live
 * task its descriptor table, then its address space; what these consist of only when they are met for the first
 * time. Reads no page.
 * @returns how many objects the image defines; the hash may hold more, which have users only
 */
export function collect(
  tree: { readonly tasks: readonly CollectedTask[] },
  hash: Hash,
  debug: Debug = {},
): number {
  return new Collector(hash, debug).collect(tree.tasks);
}

class Collector {
  readonly #hash: Hash;
  readonly #debug: Debug;
  readonly #unwritten: CollectedFile[] = [];

  constructor(hash: Hash, debug: Debug) {
    this.#hash = hash;
    this.#debug = debug;
  }

  collect(tasks: readonly CollectedTask[]): number {
    for (const task of tasks) if (task.exitState === 0) this.#collectTask(task);
    const defined = this.#hash.size;
    // They count as users, but the image does not define them: they take the last objrefs, so that those which it
    // does define have no gaps.
    for (const file of this.#unwritten) this.#collectFile(file);
    this.#hash.closeCollection();
    return defined;
  }

  #collectTask(task: CollectedTask): void {
    try {
      if (task.files !== undefined) this.#collectFileTable(task.files);
      if (task.mm !== undefined) this.#collectMm(task.mm);
    } catch (error) {
      throw at(error, { pid: task.pid, comm: task.comm });
    }
  }

  #collectFileTable(table: CollectedTable): void {
    const first = this.#hash.collect('FILE_TABLE', table);
    this.#debug.obj?.(`FILE_TABLE objref ${this.#hash.lookup(table)?.objref} first ${first}`);
    if (first) for (const { file } of table.descriptors) this.#collectFile(file);
  }

  #collectMm(mm: CollectedMm): void {
    const first = this.#hash.collect('MM', mm);
    this.#debug.obj?.(`MM objref ${this.#hash.lookup(mm)?.objref} first ${first}`);
    if (!first) return;
    if (mm.exe !== undefined) this.#collectFile(mm.exe);
    for (const { file, ops } of mm.vmas) {
      if (file === undefined) continue;
      if (ops === 'special') this.#unwritten.push(file);
      else this.#collectFile(file);
    }
  }

  #collectFile(file: CollectedFile): void {
    const first = this.#hash.collect('FILE', file);
    this.#debug.obj?.(`FILE objref ${this.#hash.lookup(file)?.objref} first ${first}`);
  }
}

/** More leaks than this are counted, not named. */
const LEAKS_NAMED = 8;

/**
 * Container mode: nothing inside may be used from outside.
 * @throws EBUSY with every object whose real users differ from those that were collected
 */
export function checkContained(hash: Pick<Hash, 'leaks'>): void {
  const leaks = hash.leaks();
  const [leak] = leaks;
  if (leak === undefined) return;
  const named = leaks.slice(0, LEAKS_NAMED).map(describeLeak).join('; ');
  const more = leaks.length > LEAKS_NAMED ? `; and ${leaks.length - LEAKS_NAMED} more` : '';
  throw new CkptError(
    'EBUSY',
    `the tree is not contained: ${named}${more}. Close what is shared with tasks outside, or checkpoint it as a subtree`,
    { object: leak.name, objref: leak.objref },
  );
}

function describeLeak({ name, objref, object, users, realUsers }: Leak): string {
  const which = 'path' in object ? ` (${object.path})` : '';
  return `${name} ${objref}${which} has ${realUsers} users, ${users} of them in the tree`;
}
