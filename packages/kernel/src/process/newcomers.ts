import type { CpuControl } from '../cpu/cpu-control.js';
import type { OpenFiles } from '../files/open-files.js';
import type { FileObject } from '../memory/file-object.js';
import { Groups } from '../placement/groups.js';
import type { NewTask, ProcessTable } from './process-table.js';
import { FLAG, KERNEL_SLOT } from './slot.js';

/** Where tasks come in: what spawning and adopting need. */
export interface NewcomerParts {
  readonly table: ProcessTable;
  readonly files: OpenFiles;
  readonly control: CpuControl;
}

/** Tasks that are in the process table, marked as incoming, and what each cpu must be told of them. */
export interface Newcomers<Load> {
  /** Of the whole tree; it may be in another kernel. */
  readonly rootPid: number;
  readonly slots: readonly number[];
  readonly perCpu: ReadonlyMap<number, Load>;
}

/**
 * A cpu for each task: the least loaded, and the same for all that share memory or descriptors, be it by way of others.
 * @param sharesWith for each task earlier ones that it shares with, or itself
 */
export function placeOnCpus(control: CpuControl, sharesWith: readonly (readonly number[])[]): number[] {
  const groups = new Groups(
    sharesWith.map((near, index) => ({ pid: index, load: 1, near })),
    new Map(),
  );
  const loads = Array.from({ length: control.cpus }, (_, cpu) => control.load(cpu));
  for (const group of groups.list()) {
    const cpu = loads.indexOf(Math.min(...loads));
    loads[cpu]! += group.load;
    group.place = String(cpu);
  }
  return sharesWith.map((_, index) => Number(groups.placeOf(index)));
}

/** Where an incoming task hangs: below an earlier one, or below the kernel, as the root or with its parent elsewhere. */
export function placeInTree(
  { pid, parent, rootPid }: { pid: number; parent: number | undefined; rootPid: number },
  slots: readonly number[],
): Pick<NewTask, 'parent' | 'flags'> {
  if (parent !== undefined) return { parent: slots[parent]!, flags: FLAG.INCOMING };
  return {
    parent: KERNEL_SLOT,
    flags: pid === rootPid ? FLAG.INCOMING : FLAG.INCOMING | FLAG.REMOTE_PARENT,
  };
}

/**
 * Enters tasks in the process table, all or none.
 * @param add enters one task; it is given the slots of those before it
 */
export function enterAll(
  table: ProcessTable,
  count: number,
  add: (index: number, slots: readonly number[]) => number,
): number[] {
  return table.locked(() => {
    const slots: number[] = [];
    try {
      for (let index = 0; index < count; index++) slots.push(add(index, slots));
      return slots;
    } catch (error) {
      // Children before their parents: a parent that goes must have none left.
      for (const slot of slots.reverse()) table.withdrawLocked(slot);
      throw error;
    }
  });
}

/** Files that are being opened for newcomers; the one reference of each is given back in the end, or at once on failure. */
export class OpenedFiles {
  readonly #files: OpenFiles;
  readonly #opened: FileObject[] = [];

  constructor(files: OpenFiles) {
    this.#files = files;
  }

  keep(file: FileObject): FileObject {
    this.#opened.push(file);
    return file;
  }

  /** One reference more, for a descriptor, a mapping or an executable. */
  use(file: FileObject): FileObject {
    this.#files.grab(file);
    return file;
  }

  dropAll(): void {
    for (const file of this.#opened.splice(0)) this.#files.drop(file);
  }
}
