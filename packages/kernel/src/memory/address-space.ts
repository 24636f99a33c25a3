import type { Hash } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import {
  AT_VECTOR_SIZE,
  LDT_ENTRY_SIZE,
  type MemoryVersions,
  type MmContext,
  type MmLayout,
  PAGE_SIZE,
  VM,
} from '@ckptree/model';
import { type AioContext, AioContexts, type AioRequest } from './aio.js';
import type { FileObject } from './file-object.js';
import { Mappings, type MmapOptions, type NewVma } from './mappings.js';
import { digestMemory } from './memory-digest.js';
import { forkedHistory, type MmHistory, newHistory, versionsAt } from './mm-history.js';
import type { MmResources } from './page-fault.js';
import { PageTable } from './page-table.js';
import type { UserMemory } from './user-memory.js';
import { pageCeil } from './user-space.js';
import { type Protection, VM_DATA } from './vm-area.js';
import type { VmaList } from './vma-list.js';

/**
 * An address space as plain data, to travel to another thread or to be made from an image. It owns what it names:
 * a reference to the executable, to the file of each vma and of each asynchronous request, and to each leaf.
 */
export interface AddressSpaceDescription {
  readonly id: number;
  readonly layout: MmLayout;
  readonly flags: bigint;
  readonly defFlags: bigint;
  /** `AT_VECTOR_SIZE` entries. */
  readonly auxv: BigUint64Array;
  readonly context: MmContext;
  readonly exe?: FileObject;
  readonly vmas: VmaList;
  /** As from `PageTable.share()`. */
  readonly leaves: Int32Array;
  readonly aio: readonly AioContext[];
  readonly history: MmHistory;
}

/** The memory of an address space at one instant, for any thread to read. */
export interface MmSnapshot {
  /** Pairs (leaf number, leaf frame), to be dropped with `PageTable.release()`. */
  readonly leaves: Int32Array;
  readonly history: readonly MemoryVersions[];
}

/** Most entries of a local descriptor table: x86, LDT_ENTRIES in asm/ldt.h. */
const LDT_ENTRIES = 8192;

/** Dumpable, and the default core dump filter: Linux 2.6.33, MMF_ in include/linux/sched.h. */
const DEFAULT_MM_FLAGS = 0xcdn;

const EMPTY_LAYOUT: MmLayout = {
  startCode: 0,
  endCode: 0,
  startData: 0,
  endData: 0,
  startBrk: 0,
  brk: 0,
  startStack: 0,
  argStart: 0,
  argEnd: 0,
  envStart: 0,
  envEnd: 0,
};
/** In one order, whoever made the layout. */
const LAYOUT_FIELDS = Object.keys(EMPTY_LAYOUT) as (keyof MmLayout)[];

/** What nothing is mapped in and nothing known of. */
export function emptyDescription(id: number): AddressSpaceDescription {
  return {
    id,
    layout: EMPTY_LAYOUT,
    flags: DEFAULT_MM_FLAGS,
    defFlags: 0n,
    auxv: new BigUint64Array(AT_VECTOR_SIZE),
    context: { vdso: 0, ldt: new Uint8Array() },
    vmas: [],
    leaves: new Int32Array(),
    aio: [],
    history: newHistory(),
  };
}

/**
 * An address space (struct mm_struct). The thread that owns it is the only one to call its methods; it moves to
 * another thread as a description. What other threads may hold are snapshots of its page table.
 */
export class AddressSpace {
  readonly id: number;
  /** Tasks that use it; theirs to count. */
  users = 1;
  readonly flags: bigint;
  readonly defFlags: bigint;
  readonly auxv: BigUint64Array;
  readonly exe: FileObject | undefined;
  readonly #resources: MmResources;
  readonly #mappings: Mappings;
  readonly #aio: AioContexts;
  readonly #history: MmHistory;
  #layout: MmLayout;
  #context: MmContext;

  private constructor(resources: MmResources, description: AddressSpaceDescription) {
    this.id = description.id;
    this.flags = description.flags;
    this.defFlags = description.defFlags;
    this.auxv = description.auxv;
    this.#context = description.context;
    this.exe = description.exe;
    this.#resources = resources;
    this.#layout = description.layout;
    this.#history = description.history;
    const table = new PageTable(resources.memory, description.leaves, description.history.epoch);
    this.#mappings = new Mappings(resources, description.vmas, table);
    this.#aio = new AioContexts(description.aio);
  }

  /** Takes over what the description owns. */
  static fromDescription(resources: MmResources, description: AddressSpaceDescription): AddressSpace {
    return new AddressSpace(resources, description);
  }

  /**
   * This address space as plain data, which owns all that this object did: it is given up, and every access to it
   * fails from here on.
   */
  describe(): AddressSpaceDescription {
    const { id, vmas } = this;
    const history = { ...this.#history, epoch: this.#mappings.table.epoch };
    const description = { ...this.#attributes(), id, vmas, aio: this.#aio.list, history };
    this.#mappings.forget();
    return { ...description, leaves: this.#mappings.table.take() };
  }

  /** Drops all that it owns. Every access to it fails from here on. */
  destroy(): void {
    const { files } = this.#resources;
    for (const { file } of this.#aio.list.flatMap(({ requests }) => requests)) files.drop(file);
    if (this.exe !== undefined) files.drop(this.exe);
    this.#mappings.destroy();
  }

  /** Its memory as its tasks see it. */
  get mem(): UserMemory {
    return this.#mappings.access;
  }

  /** Ascending. The list stays as it is when mappings change. */
  get vmas(): VmaList {
    return this.#mappings.vmas;
  }

  get mapCount(): number {
    return this.vmas.length;
  }

  get layout(): MmLayout {
    return this.#layout;
  }

  /** The architecture's part. It stays as it is when an entry is set: then there is a new one. */
  get context(): MmContext {
    return this.#context;
  }

  /**
   * Sets an entry of the local descriptor table, which grows up to it (modify_ldt()).
   * @param entry `LDT_ENTRY_SIZE` bytes
   * @throws EINVAL index or size out of range
   */
  setLdtEntry(index: number, entry: Uint8Array): void {
    if (!(Number.isInteger(index) && index >= 0 && index < LDT_ENTRIES) || entry.length !== LDT_ENTRY_SIZE) {
      const rule = `an index below ${LDT_ENTRIES} and ${LDT_ENTRY_SIZE} bytes`;
      throw new CkptError(
        'EINVAL',
        `entry ${index} of ${entry.length} bytes for the descriptor table: it takes ${rule}`,
      );
    }
    const { vdso, ldt } = this.#context;
    const grown = new Uint8Array(Math.max(ldt.length, (index + 1) * LDT_ENTRY_SIZE));
    grown.set(ldt);
    grown.set(entry, index * LDT_ENTRY_SIZE);
    this.#context = { vdso, ldt: grown };
  }

  setLayout(changes: Partial<MmLayout>): void {
    this.#layout = { ...this.#layout, ...changes };
  }

  /**
   * A new mapping; it grabs the file.
   * @returns its address
   * @throws EINVAL length or address; EPERM the file is not open for reading; ENOMEM no room
   */
  mmap(options: MmapOptions): number {
    return this.#mappings.mmap(options, Number(this.defFlags));
  }

  /** A mapping exactly so, in place of what is there; it grabs the file. @throws EINVAL, ENOMEM */
  map(vma: NewVma): void {
    this.#mappings.map(vma);
  }

  /** Unmaps a range, mapped or not. @throws EINVAL, ENOMEM */
  munmap(address: number, length: number): void {
    this.#mappings.munmap(address, length);
  }

  /** @throws EINVAL; ENOMEM part of the range is not mapped; EPERM a mapping may not be changed so */
  mprotect(address: number, length: number, protection: Protection): void {
    this.#mappings.mprotect(address, length, protection);
  }

  /**
   * Moves the end of the heap.
   * @returns where it is now
   * @throws EINVAL below where the heap starts; ENOMEM something else is mapped there
   */
  brk(address?: number): number {
    const { startBrk, brk } = this.#layout;
    if (address === undefined) return brk;
    if (!(address >= startBrk)) {
      const start = startBrk.toString(16);
      throw new CkptError('EINVAL', `the end of the heap cannot be below its start at 0x${start}`);
    }
    const end = pageCeil(brk);
    const newEnd = pageCeil(address);
    if (newEnd < end) this.#mappings.munmap(newEnd, end - newEnd);
    else if (newEnd > end) this.#extendHeap(end, newEnd);
    this.setLayout({ brk: address });
    return address;
  }

  #extendHeap(start: number, end: number): void {
    // A page is left free between the heap and what follows, as sys_brk() does.
    if (this.#mappings.overlap(start, end + PAGE_SIZE)) {
      const place = end.toString(16);
      throw new CkptError('ENOMEM', `the heap cannot grow to 0x${place}: something is mapped there`);
    }
    const flags = VM_DATA | Number(this.defFlags);
    this.#mappings.map({ start, end, flags, pgoff: start / PAGE_SIZE, ops: 'none' });
  }

  /**
   * A snapshot of the page table. It costs one atomic operation for each leaf, that is for 2 MiB. The first write to
   * any page behind it faults, so that the page counts as written since.
   */
  snapshot(): MmSnapshot {
    const leaves = this.#share();
    return { leaves, history: versionsAt(this.#history, this.#mappings.table.endEpoch()) };
  }

  #share(): Int32Array {
    this.#mappings.access.writeProtect();
    return this.#mappings.table.share();
  }

  /**
   * A copy of it for a child, owned by the same thread. Asynchronous requests are not inherited, nor what is mapped
   * with VM_DONTCOPY.
   * @throws ENOMEM
   */
  fork(id: number): AddressSpace {
    const { files } = this.#resources;
    const vmas = this.vmas.map(unlocked);
    for (const { file } of vmas) if (file !== undefined) files.grab(file);
    if (this.exe !== undefined) files.grab(this.exe);
    const child = new AddressSpace(this.#resources, {
      ...this.#attributes(),
      id,
      auxv: this.auxv.slice(),
      context: { ...this.context, ldt: this.context.ldt.slice() },
      vmas,
      leaves: this.#share(),
      aio: [],
      history: forkedHistory(this.#history, this.#mappings.table.epoch),
    });
    try {
      for (const { start, end, flags } of vmas)
        if ((flags & VM.DONTCOPY) !== 0) child.munmap(start, end - start);
      return child;
    } catch (error) {
      child.destroy();
      throw error;
    }
  }

  /** Its contexts of asynchronous requests, the oldest first. */
  get aioContexts(): readonly AioContext[] {
    return this.#aio.list;
  }

  /** Asynchronous requests that are not done. */
  get outstandingAio(): number {
    return this.#aio.outstanding;
  }

  /** @returns the id of a new context for so many requests. @throws EINVAL */
  ioSetup(maxRequests: number): number {
    return this.#aio.setup(maxRequests);
  }

  /** Adds a request, which grabs its file. @throws EINVAL no such context; EAGAIN it is full */
  ioSubmit(context: number, request: AioRequest): void {
    this.#aio.submit(context, request);
    this.#resources.files.grab(request.file);
  }

  /**
   * Lets `perform` do the outstanding requests of a context, in order; then they are done, whether or not it threw.
   * @returns how many there were
   * @throws EINVAL no such context
   */
  ioComplete(context: number, perform: (request: AioRequest) => void): number {
    const requests = this.#aio.complete(context);
    try {
      for (const request of requests) perform(request);
    } finally {
      for (const { file } of requests) this.#resources.files.drop(file);
    }
    return requests.length;
  }

  /**
   * Feeds a hash with the state that a task sees: ranges, mappings, and what was written. Equal address spaces give
   * equal digests, however their frames came about.
   */
  digest(hash: Hash): void {
    const { flags, defFlags, auxv, context, exe } = this;
    const ranges = LAYOUT_FIELDS.map((field) => this.#layout[field]);
    const head = [flags.toString(), defFlags.toString(), context.vdso, exe?.path ?? null, ranges];
    hash.update(JSON.stringify(head)).update(auxv).update(context.ldt);
    digestMemory(hash, this.#resources.memory, this.#mappings.table, this.vmas);
  }

  #attributes() {
    const { flags, defFlags, auxv, context, exe, layout } = this;
    return { flags, defFlags, auxv, context, layout, ...(exe === undefined ? {} : { exe }) };
  }
}

/** A child does not inherit what is locked into memory. */
function unlocked(vma: VmaList[number]): VmaList[number] {
  return (vma.flags & VM.LOCKED) === 0 ? vma : { ...vma, flags: (vma.flags & ~VM.LOCKED) >>> 0 };
}
