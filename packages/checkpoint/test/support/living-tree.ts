import type { Cut, Mm, SnapshotSource, TaskTree, Vma } from '@ckptree/model';
import { FMODE, PAGE_SIZE, VM } from '@ckptree/model';
import { AddressSpace, emptyDescription } from '../../../kernel/dist/memory/address-space.js';
import type { FileObject } from '../../../kernel/dist/memory/file-object.js';
import { PageTable } from '../../../kernel/dist/memory/page-table.js';
import { PhysicalMemory } from '../../../kernel/dist/memory/physical-memory.js';
import { mm, openFile, task, tree } from './trees.js';

/** Where the memory of every task lies: over the end of a leaf, and not at the beginning of a window. */
export const BASE = 0x40_0000_0000 - 300 * PAGE_SIZE;
export const PAGES = 900;
const HEAP = 0x10_0000_0000;

export const FILE: FileObject = { id: 1, path: '/data/file', mode: FMODE.READ, flags: 0 };

const FILES = {
  grab: () => undefined,
  drop: () => undefined,
  readPage: (_: FileObject, pgoff: number, into: Uint8Array) => void into.fill(pgoff + 1),
};

export const livingMemory = (): PhysicalMemory => PhysicalMemory.create(64 * 2 ** 20);

/** Tasks with the kernel's own address spaces, driven by hand: a source of cuts in which everything can be tried. */
export class LivingTree implements SnapshotSource {
  readonly memory: PhysicalMemory;
  readonly tasks = new Map<number, { space: AddressSpace; readonly ppid: number }>();
  /** Which of them belong to the tree that is cut. */
  isMember: (pid: number) => boolean = () => true;
  /** Called between a cut and its dump. */
  afterCut: (image: TaskTree) => void | Promise<void> = () => undefined;
  #nextPid = 1;
  readonly #resources;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.#resources = { memory, files: FILES };
    this.#add(this.#fresh(), 0);
  }

  /** An empty task; every address space has a heap. */
  #fresh(): AddressSpace {
    const space = AddressSpace.fromDescription(this.#resources, emptyDescription(this.#nextPid));
    space.setLayout({ startBrk: HEAP, brk: HEAP });
    return space;
  }

  #add(space: AddressSpace, ppid: number): void {
    this.tasks.set(this.#nextPid++, { space, ppid });
  }

  pick(number: number): { pid: number; space: AddressSpace } {
    const pid = [...this.tasks.keys()][number % this.tasks.size]!;
    return { pid, space: this.tasks.get(pid)!.space };
  }

  fork(pid: number): void {
    this.#add(this.tasks.get(pid)!.space.fork(this.#nextPid), pid);
  }

  exec(pid: number): void {
    this.tasks.get(pid)!.space.destroy();
    this.tasks.get(pid)!.space = this.#fresh();
  }

  migrate(pid: number): void {
    const { space } = this.tasks.get(pid)!;
    this.tasks.get(pid)!.space = AddressSpace.fromDescription(
      this.#resources,
      structuredClone(space.describe()),
    );
  }

  exit(pid: number): void {
    if (pid === 1) return;
    this.tasks.get(pid)!.space.destroy();
    this.tasks.delete(pid);
  }

  async cut(): Promise<Cut> {
    const held = new Set<Mm>();
    const file = openFile({ id: 1, path: FILE.path });
    const members = [...this.tasks].filter(([pid]) => this.isMember(pid));
    const tasks = members.map(([pid, { space, ppid }]) => {
      const vmas = space.vmas.map(({ file: mapped, ...vma }): Vma => (mapped ? { ...vma, file } : vma));
      const memory = { arenas: this.memory.handle.arenas, ...space.snapshot() };
      const copy = mm(vmas, { memory });
      held.add(copy);
      return task(pid, { ppid, mm: copy });
    });
    const releaseMm = (copy: Mm): void => {
      if (held.delete(copy)) PageTable.release(this.memory, copy.memory.leaves);
    };
    const image = tree(...tasks);
    await this.afterCut(image);
    return {
      tree: image,
      timing: { freezeUs: 1, snapshotUs: 2 },
      thaw: async () => undefined,
      releaseMm,
      release: () => held.forEach(releaseMm),
    };
  }

  destroy(): void {
    for (const { space } of this.tasks.values()) space.destroy();
    this.tasks.clear();
  }
}

/** Writes to each of some pages that may be written: contents that follow from page and value. */
export function writePages(space: AddressSpace, first: number, count: number, value: number): void {
  for (let page = first; page < Math.min(first + count, PAGES); page++) {
    const address = BASE + page * PAGE_SIZE;
    if (!isWritable(space, address)) continue;
    if (value === 0) space.mem.fill(address, 0, PAGE_SIZE);
    else space.mem.setU32(address + 8 * (value % 7), value * 1000 + (page % 5));
  }
}

const isWritable = (space: AddressSpace, address: number): boolean =>
  space.vmas.some(({ start, end, flags }) => start <= address && address < end && (flags & VM.WRITE) !== 0);

export function mapPages(space: AddressSpace, first: number, count: number, file?: FileObject): void {
  space.mmap({
    address: BASE + first * PAGE_SIZE,
    length: Math.min(count, PAGES - first) * PAGE_SIZE,
    protection: { read: true, write: true },
    ...(file === undefined ? {} : { file, pgoff: first }),
  });
}
