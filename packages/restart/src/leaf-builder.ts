import { type PhysicalMemory, releaseLeaves } from '@ckptree/kernel';
import {
  arenaOf,
  LEAF_ENTRIES,
  offsetInArena,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
} from '@ckptree/model';

/** A page that was saved differs from what is behind its vma: it is dirty. */
const SAVED = PTE_PRESENT | PTE_DIRTY;
/** A page of zeros needs no frame of its own: the zero frame looks shared, so that a write copies it. */
export const ZERO_ENTRY = SAVED;

const NO_LEAF = -1;

/** Makes the page tables of address spaces, one after the other, upwards. */
export class LeafBuilder {
  readonly #memory: PhysicalMemory;
  readonly #known: LeafIndex | undefined;
  readonly #grabs: boolean;
  readonly #finished: Int32Array[] = [];
  /** The leaf at hand, as its frame will be: behind the entries no stamps, as nothing was written since. */
  readonly #leaf = new Int32Array(PAGE_SIZE / Int32Array.BYTES_PER_ELEMENT);
  readonly #entries = this.#leaf.subarray(0, LEAF_ENTRIES);
  #number = NO_LEAF;
  #inLeaf = 0;
  /** Pairs (leaf number, leaf) of the address space at hand. */
  #pairs: number[] = [];
  #placed = 0;

  /**
   * @param shares page tables may have frames in common: each entry takes a reference to its frame, and leaves that
   *               come out the same become one. Else the entries take over references that there are.
   */
  constructor(memory: PhysicalMemory, shares: boolean) {
    this.#memory = memory;
    this.#grabs = shares;
    this.#known = shares ? new LeafIndex(memory) : undefined;
  }

  /** Entries of frames in finished leaves. */
  get placed(): number {
    return this.#placed;
  }

  /** Maps pages from `address` up to frames from `frame` up. @throws ENOMEM */
  map(address: number, pages: number, frame: number): void {
    let page = address / PAGE_SIZE;
    for (let done = 0; done < pages; ) {
      const index = this.#enter(page);
      const count = Math.min(LEAF_ENTRIES - index, pages - done);
      fillAscending(this.#entries, index, count, frame + done);
      this.#inLeaf += count;
      page += count;
      done += count;
    }
  }

  /** Maps pages from `address` up to the zero frame. @throws ENOMEM */
  mapZeros(address: number, pages: number): void {
    const first = address / PAGE_SIZE;
    for (let page = first; page < first + pages; ) {
      const index = this.#enter(page);
      const count = Math.min(LEAF_ENTRIES - index, first + pages - page);
      this.#entries.fill(ZERO_ENTRY, index, index + count);
      page += count;
    }
  }

  /** Ends an address space. @returns its leaves, as pairs (leaf number, leaf) @throws ENOMEM */
  finish(): Int32Array {
    this.#endLeaf();
    const leaves = Int32Array.from(this.#pairs);
    this.#pairs = [];
    this.#finished.push(leaves);
    return leaves;
  }

  /** Gives back every leaf, with the references that it has. */
  release(): void {
    for (const leaves of [...this.#finished, Int32Array.from(this.#pairs)])
      releaseLeaves(this.#memory, leaves);
  }

  /** Has the leaf of a page at hand. @returns the page's index in it @throws ENOMEM */
  #enter(page: number): number {
    const number = Math.floor(page / LEAF_ENTRIES);
    if (number !== this.#number) {
      this.#endLeaf();
      this.#number = number;
    }
    return page % LEAF_ENTRIES;
  }

  #endLeaf(): void {
    if (this.#number === NO_LEAF) return;
    const known = this.#known?.find(this.#entries);
    if (known === undefined) this.#pairs.push(this.#number, this.#newLeaf());
    else {
      this.#memory.grab(known);
      this.#pairs.push(this.#number, known);
    }
    this.#entries.fill(0);
    this.#number = NO_LEAF;
    this.#inLeaf = 0;
  }

  #newLeaf(): number {
    const memory = this.#memory;
    const leaf = memory.allocateTableForCopy();
    memory.words[arenaOf(leaf)]!.set(this.#leaf, offsetInArena(leaf) >>> 2);
    if (this.#grabs)
      for (const entry of this.#entries) if (entry !== 0) memory.grab(entry >>> PTE_FRAME_SHIFT);
    this.#known?.add(leaf, this.#entries);
    this.#placed += this.#inLeaf;
    return leaf;
  }
}

/** A function of its own and without closures: it runs once a page, and mostly in a process that has just begun. */
function fillAscending(entries: Int32Array, index: number, count: number, frame: number): void {
  let entry = (frame << PTE_FRAME_SHIFT) | SAVED;
  for (let at = index; at < index + count; at++) {
    entries[at] = entry;
    entry += 1 << PTE_FRAME_SHIFT;
  }
}

/** Leaves by their entries. */
class LeafIndex {
  readonly #memory: PhysicalMemory;
  readonly #leaves = new Map<number, number[]>();

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /** A leaf with just these entries. */
  find(entries: Int32Array): number | undefined {
    return this.#leaves.get(hashOf(entries))?.find((leaf) => this.#equals(leaf, entries));
  }

  add(leaf: number, entries: Int32Array): void {
    const hash = hashOf(entries);
    const same = this.#leaves.get(hash);
    if (same === undefined) this.#leaves.set(hash, [leaf]);
    else same.push(leaf);
  }

  #equals(leaf: number, entries: Int32Array): boolean {
    const words = this.#memory.words[arenaOf(leaf)]!;
    const base = offsetInArena(leaf) >>> 2;
    return entries.every((entry, index) => words[base + index] === entry);
  }
}

/** FNV-1a over words instead of bytes: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(entries: Int32Array): number {
  let hash = 0x811c_9dc5 | 0;
  for (const entry of entries) hash = Math.imul(hash ^ entry, 0x0100_0193);
  return hash;
}
