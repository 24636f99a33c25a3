import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { type Mm, PAGE_SIZE, type StoredPages } from '@ckptree/model';
import { FrameTable } from './frame-table.js';
import { LeafBuilder } from './leaf-builder.js';
import { type LoadPlan, planLoad } from './load-plan.js';
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
  const frames = FrameTable.take(memory, space, shares ? 1 : 2);
  const builder = new LeafBuilder(memory, shares);
  try {
    const leaves = new Map([...space.pieces].map(([mm, pieces]) => [mm, build(builder, pieces, frames)]));
    return { leaves, plan: planLoad(space, frames, findZeros) };
  } catch (error) {
    builder.release();
    frames.each(0, space.firstPage.at(-1)!, (frame, count, page) => {
      for (let index = 0; index < count; index++) {
        memory.drop(frame + index);
        // The reference that was meant for a leaf, which was never made.
        if (!shares && page + index >= builder.placed) memory.drop(frame + index);
      }
    });
    throw error;
  } finally {
    memory.releaseBlocks();
  }
}

function build(builder: LeafBuilder, pieces: Float64Array, frames: FrameTable): Int32Array {
  for (let piece = 0; piece < pieces.length; piece += 3) {
    const [address, first, pages] = [pieces[piece]!, pieces[piece + 1]!, pieces[piece + 2]!];
    if (first === ZERO_PAGES) builder.mapZeros(address, pages);
    else
      frames.each(first, first + pages, (frame, count, page) =>
        builder.map(address + (page - first) * PAGE_SIZE, count, frame),
      );
  }
  return builder.finish();
}
