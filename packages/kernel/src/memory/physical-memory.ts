import { CkptError } from '@ckptree/errors';
import { ARENA_FRAMES, arenaOf, offsetInArena, PAGE_SHIFT, PAGE_SIZE } from '@ckptree/model';
import { FrameAllocator } from './frame-allocator.js';
import { BLOCK_FRAMES, FrameMap, type FrameStats } from './frame-map.js';
import { Userfault, type UserfaultHandle } from './userfault.js';
import { type CopyPage, pageCopier, sharedMemory, type WasmMemory } from './wasm-memory.js';

/** What another thread needs to use the same memory: structured clone shares it, never copies it. */
export interface PhysicalMemoryHandle {
  /** Those of the arenas. */
  readonly memories: readonly WasmMemory[];
  readonly arenas: readonly SharedArrayBuffer[];
  /** The words of the frame map. */
  readonly control: SharedArrayBuffer;
  readonly userfault: UserfaultHandle;
  readonly frames: number;
}

/** As many frames as a leaf entry can name: 26 bits, 256 GiB. */
const MAX_FRAMES = 1 << 26;

const ZERO_PAGE = new Uint8Array(PAGE_SIZE);

/**
 * The machine's memory as one thread sees it: arenas of frames, the count of references to each, and the
 * thread's own allocator. Threads share a memory through its handle.
 *
 * The rule of all sharing: a frame with more than one reference is never written.
 */
export class PhysicalMemory {
  readonly handle: PhysicalMemoryHandle;
  /** By arena: its bytes, and as 32-bit words. Offsets come from `offsetInArena`. */
  readonly bytes: readonly Uint8Array[];
  readonly words: readonly Int32Array[];
  /** Frames whose contents are still on their way. */
  readonly userfault: Userfault;
  readonly #buffers: readonly Buffer[];
  /** By arena. */
  readonly #copiers: readonly CopyPage[];
  readonly #map: FrameMap;
  readonly #allocator: FrameAllocator;
  /** Page tables lie together, so that the references that a snapshot counts are neighbours. */
  readonly #tableAllocator: FrameAllocator;

  private constructor(handle: PhysicalMemoryHandle, map: FrameMap) {
    this.handle = handle;
    this.bytes = handle.arenas.map((arena) => new Uint8Array(arena));
    this.words = handle.arenas.map((arena) => new Int32Array(arena));
    this.userfault = new Userfault(handle.userfault);
    this.#buffers = handle.arenas.map((arena) => Buffer.from(arena));
    this.#copiers = handle.memories.map(pageCopier);
    this.#map = map;
    this.#allocator = new FrameAllocator(map);
    this.#tableAllocator = new FrameAllocator(map);
  }

  /**
   * Memory of at least so many bytes, all zero. The operating system commits it as it is first used.
   * @throws EINVAL size out of range; ENOMEM the address space for it cannot be had
   */
  static create(bytes: number): PhysicalMemory {
    const frames = Math.ceil(bytes / PAGE_SIZE / BLOCK_FRAMES) * BLOCK_FRAMES;
    if (!(frames >= BLOCK_FRAMES && frames <= MAX_FRAMES)) {
      const limit = (MAX_FRAMES * PAGE_SIZE) / 2 ** 30;
      throw new CkptError('EINVAL', `physical memory of ${bytes} bytes: must be from 1 byte to ${limit} GiB`);
    }
    const memories = Array.from({ length: Math.ceil(frames / ARENA_FRAMES) }, (_, arena) =>
      sharedMemory(Math.min(ARENA_FRAMES, frames - arena * ARENA_FRAMES) * PAGE_SIZE),
    );
    const arenas = memories.map(({ buffer }) => buffer);
    const control = sharedMemory(FrameMap.sizeFor(frames)).buffer;
    const map = new FrameMap(control, frames);
    map.initialise();
    const userfault = {
      words: sharedMemory(Userfault.sizeFor(frames)).buffer,
      records: sharedMemory(Userfault.RECORDS_SIZE).buffer,
    };
    return new PhysicalMemory({ memories, arenas, control, userfault, frames }, map);
  }

  /** The same memory in another thread. */
  static attach(handle: PhysicalMemoryHandle): PhysicalMemory {
    return new PhysicalMemory(handle, new FrameMap(handle.control, handle.frames));
  }

  /** A frame of zeros, with one reference. @throws ENOMEM */
  allocate(): number {
    return this.#clean(this.#allocator, this.#tableAllocator);
  }

  /** A frame with arbitrary contents that the caller overwrites, with one reference. @throws ENOMEM */
  allocateForCopy(): number {
    return take(this.#allocator, this.#tableAllocator);
  }

  /** As allocate(), for a part of a page table. @throws ENOMEM */
  allocateTable(): number {
    return this.#clean(this.#tableAllocator, this.#allocator);
  }

  /** As allocateForCopy(), for a part of a page table. @throws ENOMEM */
  allocateTableForCopy(): number {
    return take(this.#tableAllocator, this.#allocator);
  }

  /**
   * Frames with arbitrary contents, in runs as long as possible, none across arenas.
   * @param refs references that each of them gets
   * @returns pairs (first frame, frames)
   * @throws ENOMEM then none is allocated
   */
  allocateRuns(frames: number, refs = 1): Int32Array {
    try {
      return this.#allocator.takeRuns(frames, refs);
    } catch (error) {
      if (!this.#tableAllocator.releaseBlock()) throw error;
      return this.#allocator.takeRuns(frames, refs);
    }
  }

  /** Leaves what this thread keeps to allocate from to others: when it ends, or will be idle. */
  releaseBlocks(): void {
    this.#allocator.releaseBlock();
    this.#tableAllocator.releaseBlock();
  }

  /** @see FrameMap.refs */
  refs(frame: number): number {
    return this.#map.refs(frame);
  }

  /** @see FrameMap.grab */
  grab(frame: number): void {
    this.#map.grab(frame);
  }

  /** @see FrameMap.drop */
  drop(frame: number): void {
    this.#map.drop(frame);
  }

  /** @see FrameMap.dropUnlessLast */
  dropUnlessLast(frame: number): boolean {
    return this.#map.dropUnlessLast(frame);
  }

  stats(): FrameStats {
    return this.#map.stats();
  }

  /** The bytes of `frames` neighbouring frames of one arena, in place. */
  view(frame: number, frames = 1): Uint8Array {
    const offset = offsetInArena(frame);
    return this.bytes[arenaOf(frame)]!.subarray(offset, offset + (frames << PAGE_SHIFT));
  }

  copy(from: number, to: number): void {
    const arena = arenaOf(to);
    if (arenaOf(from) === arena) this.#copiers[arena]!(offsetInArena(to), offsetInArena(from));
    else this.bytes[arena]!.set(this.view(from), offsetInArena(to));
  }

  isZero(frame: number): boolean {
    const offset = offsetInArena(frame);
    // Most pages that are not zero show it in their first word; that saves the call.
    if (this.words[arenaOf(frame)]![offset >>> 2] !== 0) return false;
    const buffer = this.#buffers[arenaOf(frame)]!;
    return buffer.compare(ZERO_PAGE, 0, PAGE_SIZE, offset, offset + PAGE_SIZE) === 0;
  }

  #clean(allocator: FrameAllocator, other: FrameAllocator): number {
    const frame = take(allocator, other);
    // fill() goes byte by byte on shared memory; set() is three times as fast.
    if (!allocator.tookFresh) this.bytes[arenaOf(frame)]!.set(ZERO_PAGE, offsetInArena(frame));
    return frame;
  }
}

/** @param other of the same thread: what it keeps is used before there is none left */
function take(allocator: FrameAllocator, other: FrameAllocator): number {
  try {
    return allocator.take();
  } catch (error) {
    if (!other.releaseBlock()) throw error;
    return allocator.take();
  }
}
