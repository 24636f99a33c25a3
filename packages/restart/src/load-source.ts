import { CkptError } from '@ckptree/errors';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { ByteSource } from '@ckptree/model';
import { type LoadPlan, unitSize } from './load-plan.js';
import { endUnit, takeUnit } from './load-progress.js';
import { dropUnit, fillUnit } from './load-unit.js';

/** Units in what only this thread can read. */
export interface SourceOrigin {
  readonly kind: 'source';
  readonly source: ByteSource;
  readonly positions: Float64Array;
}

/**
 * As loadUnits(), from what is no file: its bytes come to this thread and are copied into frames.
 * @param onUnit called after each unit; what it throws ends the load
 * @throws EIO the source ends too early; what the source throws
 */
export async function loadFromSource(
  memory: PhysicalMemory,
  plan: LoadPlan,
  { source, positions }: SourceOrigin,
  onUnit: () => void,
): Promise<void> {
  for (let unit = takeUnit(plan.progress); unit !== undefined; unit = takeUnit(plan.progress)) {
    const [position, size] = [positions[unit]!, unitSize(plan, unit)];
    const bytes = await source.read(position, size);
    if (bytes.length < size)
      throw new CkptError(
        'EIO',
        `the image ends at byte ${position + bytes.length}, in the middle of a page`,
        { position: position + bytes.length },
      );
    fillUnit(memory, plan, unit, bytes);
    endUnit(plan.progress, unit, dropUnit(memory, plan, unit));
    onUnit();
  }
}
