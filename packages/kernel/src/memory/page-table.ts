import {
  arenaOf,
  LEAF_ENTRIES,
  MAX_EPOCH,
  offsetInArena,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
  stampLeaf,
  stampPage,
} from '@ckptree/model';
import type { PhysicalMemory } from './physical-memory.js';

const FIRST_CAPACITY = 8;

/**
 * The page table of one address space: a directory of leaves, each a frame whose first `LEAF_ENTRIES` words map
 * pages; behind them stands when these were written. An entry holds a reference to its frame, a directory slot one to
 * its leaf.
 *
 * Rules: a leaf with more than one reference is never written; nor is a frame with more than one, or one that is
 * reached through such a leaf. To look at a count and then write is safe, as only a holder of a reference can add
 * another, so 1 stays 1 while its one holder, the thread that owns this table, is at work.
 */
export class PageTable {
  readonly #memory: PhysicalMemory;
  /** Pairs (leaf number, leaf frame), ascending; the first `#length` words count. */
  #directory: Int32Array;
  #length: number;
  /** Somebody else looks at the directory: it is copied before it changes. */
  #lent = false;
  /** The slot that was found last: the next one is mostly the same. Checked before it is believed. */
  #recent = 0;
  /** What changes now is stamped with it. */
  #epoch: number;
  /** Whether anything changed in this epoch. */
  #changed = true;

  /**
   * @param leaves as from share(): their references become the table's
   * @param epoch  not before any stamp in these
   */
  constructor(memory: PhysicalMemory, leaves: Int32Array = new Int32Array(), epoch = 1) {
    this.#memory = memory;
    this.#epoch = epoch;
    this.#directory = leaves.slice();
    this.#length = leaves.length;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Ends the epoch, unless nothing has changed in it. The caller must see to it that the next write to any page comes by
   * here again.
   * @returns the last epoch in which something changed
   */
  endEpoch(): number {
    if (this.#changed && this.#epoch < MAX_EPOCH) {
      this.#epoch++;
      this.#changed = false;
    }
    return this.#epoch - 1;
  }

  /** Drops the references of a snapshot; the last holder of a leaf drops the frames that it maps. */
  static release(memory: PhysicalMemory, leaves: Int32Array): void {
    for (let slot = 1; slot < leaves.length; slot += 2) dropLeaf(memory, leaves[slot]!);
  }

  /** The entry of a page, 0 when there is none. */
  lookup(page: number): number {
    const slot = this.#find(leafNumberOf(page));
    return slot < 0 ? 0 : this.#wordsOf(slot)[this.#baseOf(slot) + (page & (LEAF_ENTRIES - 1))]!;
  }

  /**
   * Makes the leaf of a page writable: a shared one is copied, a missing one made. Entries do not change, but
   * frames that were reached through a shared leaf are now shared themselves.
   * @throws ENOMEM
   */
  unshare(page: number): void {
    const number = leafNumberOf(page);
    const slot = this.#find(number);
    if (slot < 0) this.#insertEmpty(~slot, number);
    else this.#unshareSlot(slot);
  }

  /**
   * Sets the entry of a page whose leaf is exclusive; the reference to the new frame becomes the table's. A dirty page
   * counts as written now.
   */
  set(page: number, frame: number, flags: number): void {
    const slot = this.#find(leafNumberOf(page));
    const words = this.#wordsOf(slot);
    const base = this.#baseOf(slot);
    const entry = page & (LEAF_ENTRIES - 1);
    const index = base + entry;
    const old = words[index]!;
    words[index] = (frame << PTE_FRAME_SHIFT) | PTE_PRESENT | flags;
    if ((flags & PTE_DIRTY) !== 0) {
      stampPage(words, base, entry, this.#epoch);
      this.#changed = true;
    }
    if ((old & PTE_PRESENT) !== 0 && old >>> PTE_FRAME_SHIFT !== frame)
      this.#memory.drop(old >>> PTE_FRAME_SHIFT);
  }

  /**
   * Unmaps the pages from `first` up to but without `end`.
   * @throws ENOMEM a shared leaf cannot be copied; then nothing is unmapped
   */
  unmap(first: number, end: number): void {
    // All that can fail comes first: only the two leaves at the ends can be covered in part.
    this.#unshareForUnmap(first, end, leafNumberOf(first));
    this.#unshareForUnmap(first, end, leafNumberOf(end));
    for (let slot = this.#slotFrom(leafNumberOf(first)); slot < this.#length; ) {
      const { from, to } = this.#partOf(slot, first, end);
      if (from >= to) return;
      if (to - from < LEAF_ENTRIES) this.#clear(slot, from, to);
      if (to - from === LEAF_ENTRIES || this.#isEmpty(slot, 0, LEAF_ENTRIES)) this.#remove(slot);
      else slot += 2;
    }
  }

  /** Goes through the entries of the pages that are present, from page `first` up to but without `end`. */
  forEachPresent(first: number, end: number, visit: (page: number, entry: number) => void): void {
    for (let slot = this.#slotFrom(leafNumberOf(first)); slot < this.#length; slot += 2) {
      const { from, to } = this.#partOf(slot, first, end);
      const firstOfLeaf = this.#directory[slot]! * LEAF_ENTRIES;
      const words = this.#wordsOf(slot);
      const base = this.#baseOf(slot);
      for (let index = from; index < to; index++) {
        const entry = words[base + index]!;
        if ((entry & PTE_PRESENT) !== 0) visit(firstOfLeaf + index, entry);
      }
      if (to < LEAF_ENTRIES) return;
    }
  }

  /**
   * One reference more to each leaf. This is a snapshot, and a fork's page table: its cost follows the number of
   * leaves, and nothing reads a page. It allocates nothing, as that may wait for the garbage collector.
   * @returns pairs (leaf number, leaf frame), ascending; not to be written to
   */
  share(): Int32Array {
    this.#lent = true;
    for (let slot = 1; slot < this.#length; slot += 2) this.#memory.grab(this.#directory[slot]!);
    return this.#directory.subarray(0, this.#length);
  }

  /** Hands all leaves over to the caller, references and all; the table is empty then. */
  take(): Int32Array {
    const leaves = this.#directory.slice(0, this.#length);
    this.#length = 0;
    return leaves;
  }

  #unshareSlot(slot: number): void {
    const shared = this.#directory[slot + 1]!;
    if (this.#memory.refs(shared) === 1) return;
    const copy = this.#memory.allocateTableForCopy();
    this.#memory.copy(shared, copy);
    forEachFrame(this.#memory, copy, (frame) => this.#memory.grab(frame));
    this.#own();
    this.#directory[slot + 1] = copy;
    // Others may have dropped it meanwhile, so that this is its last reference.
    dropLeaf(this.#memory, shared);
  }

  #unshareForUnmap(first: number, end: number, number: number): void {
    const slot = this.#find(number);
    if (slot < 0) return;
    const { from, to } = this.#partOf(slot, first, end);
    if (to - from < LEAF_ENTRIES && !this.#isEmpty(slot, from, to)) this.#unshareSlot(slot);
  }

  /** The entries of a leaf that map pages from `first` up to `end`. */
  #partOf(slot: number, first: number, end: number): { from: number; to: number } {
    const firstOfLeaf = this.#directory[slot]! * LEAF_ENTRIES;
    return { from: Math.max(first - firstOfLeaf, 0), to: Math.min(end - firstOfLeaf, LEAF_ENTRIES) };
  }

  #clear(slot: number, from: number, to: number): void {
    if (this.#isEmpty(slot, from, to)) return;
    const words = this.#wordsOf(slot);
    const base = this.#baseOf(slot);
    for (let index = base + from; index < base + to; index++) {
      const entry = words[index]!;
      words[index] = 0;
      if ((entry & PTE_PRESENT) !== 0) this.#memory.drop(entry >>> PTE_FRAME_SHIFT);
    }
    stampLeaf(words, base, this.#epoch);
    this.#changed = true;
  }

  #isEmpty(slot: number, from: number, to: number): boolean {
    const words = this.#wordsOf(slot);
    const base = this.#baseOf(slot);
    for (let index = base + from; index < base + to; index++) if (words[index] !== 0) return false;
    return true;
  }

  #wordsOf(slot: number): Int32Array {
    return this.#memory.words[arenaOf(this.#directory[slot + 1]!)]!;
  }

  #baseOf(slot: number): number {
    return offsetInArena(this.#directory[slot + 1]!) >>> 2;
  }

  /** The slot of a leaf, or the complement of where it would be inserted. */
  #find(number: number): number {
    if (this.#holds(this.#recent, number)) return this.#recent;
    const slot = this.#slotFrom(number);
    if (!this.#holds(slot, number)) return ~slot;
    this.#recent = slot;
    return slot;
  }

  #holds(slot: number, number: number): boolean {
    return slot < this.#length && this.#directory[slot] === number;
  }

  /** The first slot whose leaf number is not below `number`. */
  #slotFrom(number: number): number {
    let low = 0;
    let high = this.#length >>> 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#directory[middle << 1]! < number) low = middle + 1;
      else high = middle;
    }
    return low << 1;
  }

  /** A leaf that comes anew has changed: there may have been another one in its place. */
  #insertEmpty(slot: number, number: number): void {
    const leaf = this.#memory.allocateTable();
    stampLeaf(this.#memory.words[arenaOf(leaf)]!, offsetInArena(leaf) >>> 2, this.#epoch);
    this.#insert(slot, number, leaf);
  }

  #insert(slot: number, number: number, leaf: number): void {
    if (this.#length === this.#directory.length) {
      const larger = new Int32Array(Math.max(FIRST_CAPACITY, this.#length * 2));
      larger.set(this.#directory);
      this.#directory = larger;
      this.#lent = false;
    }
    this.#own();
    this.#directory.copyWithin(slot + 2, slot, this.#length);
    this.#directory[slot] = number;
    this.#directory[slot + 1] = leaf;
    this.#length += 2;
  }

  /** Before the directory is written to. */
  #own(): void {
    if (this.#lent) this.#directory = this.#directory.slice();
    this.#lent = false;
  }

  #remove(slot: number): void {
    const leaf = this.#directory[slot + 1]!;
    this.#own();
    this.#directory.copyWithin(slot, slot + 2, this.#length);
    this.#length -= 2;
    this.#changed = true;
    dropLeaf(this.#memory, leaf);
  }
}

const leafNumberOf = (page: number): number => Math.floor(page / LEAF_ENTRIES);

function dropLeaf(memory: PhysicalMemory, leaf: number): void {
  if (memory.dropUnlessLast(leaf)) return;
  forEachFrame(memory, leaf, (frame) => memory.drop(frame));
  memory.drop(leaf);
}

function forEachFrame(memory: PhysicalMemory, leaf: number, visit: (frame: number) => void): void {
  const words = memory.words[arenaOf(leaf)]!;
  const base = offsetInArena(leaf) >>> 2;
  for (let index = base; index < base + LEAF_ENTRIES; index++) {
    const entry = words[index]!;
    if ((entry & PTE_PRESENT) !== 0) visit(entry >>> PTE_FRAME_SHIFT);
  }
}
