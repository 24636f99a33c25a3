import { CkptError } from '@ckptree/errors';
import { ARENA_FRAMES, arenaOf, offsetInArena, PAGE_SHIFT, PAGE_SIZE } from './memory.js';

/** Shared memory that frames are in; see MemorySnapshot. */
export type Arenas = readonly SharedArrayBuffer[];

/** `count` frames from `frame` up as bytes, in place. They must lie in one arena. @throws EFAULT they are in none */
export function frameBytes(arenas: Arenas, frame: number, count: number): Uint8Array {
  return new Uint8Array(arenaHolding(arenas, frame + count - 1), offsetInArena(frame), count << PAGE_SHIFT);
}

/** @throws EFAULT */
export function arenaHolding(arenas: Arenas, frame: number): SharedArrayBuffer {
  const arena = arenas[arenaOf(frame)];
  if (arena === undefined || offsetInArena(frame) + PAGE_SIZE > arena.byteLength)
    throw new CkptError('EFAULT', `the snapshot refers to frame ${frame}, which is in none of its arenas`);
  return arena;
}

/** How many frames from `frames[first]` on, before `end`, lie side by side in one arena. */
export function adjacentFrames(frames: Int32Array, first: number, end: number): number {
  const frame = frames[first]!;
  let count = 1;
  while (
    first + count < end &&
    frames[first + count] === frame + count &&
    (frame + count) % ARENA_FRAMES !== 0
  )
    count++;
  return count;
}
