import { once } from 'node:events';
import { at } from '@ckptree/errors';
import {
  arenaOf,
  LEAF_ENTRIES,
  type Mm,
  offsetInArena,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
  type TaskTree,
} from '@ckptree/model';
import { withContents } from '../memory/page-fault.js';
import type { PageFills } from '../memory/page-fills.js';
import type { PhysicalMemory } from '../memory/physical-memory.js';

/**
 * Waits until the memory of a cut is all there: some of it may be on its way still, from an image that tasks were
 * restarted from lazily. The tasks run on meanwhile.
 * @param released the tree's memory has been given back: nobody waits for it any more
 * @throws EIO a page could not be restored, so that it cannot be saved either
 */
export async function awaitMemory(
  memory: PhysicalMemory,
  fills: PageFills,
  tree: TaskTree,
  released: AbortSignal,
): Promise<void> {
  if (released.aborted || firstMissing(memory, tree) === undefined) return;
  await Promise.race([fills.over(), once(released, 'abort')]);
  if (released.aborted) return;
  const lost = firstMissing(memory, tree);
  if (lost === undefined) return;
  try {
    // It does not wait: what is missing now is poisoned.
    withContents(memory, lost.frame, lost.page);
  } catch (error) {
    throw at(error, lost.place);
  }
}

function firstMissing(memory: PhysicalMemory, { tasks }: TaskTree) {
  if (!memory.userfault.anyMissing) return undefined;
  const seen = new Set<Mm>();
  for (const { mm, pid, comm } of tasks) {
    if (mm === undefined || seen.has(mm)) continue;
    seen.add(mm);
    const found = missingIn(memory, mm.memory.leaves);
    if (found !== undefined) return { ...found, place: { pid, comm } };
  }
  return undefined;
}

/** @param leaves pairs (leaf number, leaf) */
function missingIn(memory: PhysicalMemory, leaves: Int32Array): { page: number; frame: number } | undefined {
  for (let slot = 0; slot < leaves.length; slot += 2) {
    const leaf = leaves[slot + 1]!;
    const words = memory.words[arenaOf(leaf)]!;
    const base = offsetInArena(leaf) >>> 2;
    for (let index = 0; index < LEAF_ENTRIES; index++) {
      const entry = words[base + index]!;
      if ((entry & PTE_PRESENT) === 0 || !memory.userfault.isMissing(entry >>> PTE_FRAME_SHIFT)) continue;
      return { page: leaves[slot]! * LEAF_ENTRIES + index, frame: entry >>> PTE_FRAME_SHIFT };
    }
  }
  return undefined;
}
