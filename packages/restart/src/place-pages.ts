import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { Mm, StoredPages } from '@ckptree/model';
import { LeafBuilder } from './leaf-builder.js';
import { type LoadPlan, NO_FRAME, planLoad } from './load-plan.js';
import { type PageSpace, ZERO_PAGES } from './page-space.js';

/** Page tables whose pages have frames but no contents yet, and how those come in. */
export interface Placement {
  /** By address space, pairs (leaf number, leaf); they hold a reference to each frame that they map. */
  readonly leaves: ReadonlyMap<Mm<StoredPages>, Int32Array>;
  /** It holds a reference to each frame, too, until the frame's unit is loaded or given up. */
  readonly plan: LoadPlan;
}

/**
 * Makes room for the pages of a space: takes frames, those of a unit side by side, and enters them in leaves. A page that
 * is needed in several places gets one frame; it is copied when somebody writes to it, as behind a fork.
 * @param findZeros pages that turn out to be zeros are noted instead of written; see mapZeroPages()
 * @throws ENOMEM then nothing is taken
 */
export function placePages(memory: PhysicalMemory, space: PageSpace, findZeros: boolean): Placement {
  const shares = space.needed !== undefined;
  const frameOf = takeFrames(memory, space, shares ? 1 : 2);
  const builder = new LeafBuilder(memory, shares);
  try {
    const leaves = new Map([...space.pieces].map(([mm, pieces]) => [mm, build(builder, pieces, frameOf)]));
    return { leaves, plan: planLoad(space.firstPage, frameOf, findZeros) };
  } catch (error) {
    builder.release();
    frameOf.forEach((frame, page) => {
      if (frame === NO_FRAME) return;
      memory.drop(frame);
      // The reference that was meant for a leaf, which was never made.
      if (!shares && page >= builder.placed) memory.drop(frame);
    });
    throw error;
  } finally {
    memory.releaseBlock();
  }
}

function build(builder: LeafBuilder, pieces: Float64Array, frameOf: Int32Array): Int32Array {
  for (let piece = 0; piece < pieces.length; piece += 3) {
    const [address, first, pages] = [pieces[piece]!, pieces[piece + 1]!, pieces[piece + 2]!];
    if (first === ZERO_PAGES) builder.mapZeros(address, pages);
    else builder.map(address, pages, frameOf, first);
  }
  return builder.finish();
}

/** @returns the frame of each page number, or NO_FRAME */
function takeFrames(
  memory: PhysicalMemory,
  { firstPage, needed }: PageSpace,
  references: number,
): Int32Array {
  const frameOf = new Int32Array(firstPage.at(-1)!);
  const count = needed?.reduce((sum, each) => sum + each, 0) ?? frameOf.length;
  const frames = memory.allocateRuns(count, references);
  let page = 0;
  for (let run = 0; run < frames.length; run += 2) {
    const end = frames[run]! + frames[run + 1]!;
    for (let frame = frames[run]!; frame < end; page++)
      frameOf[page] = needed === undefined || needed[page] === 1 ? frame++ : NO_FRAME;
  }
  return frameOf.fill(NO_FRAME, page);
}
