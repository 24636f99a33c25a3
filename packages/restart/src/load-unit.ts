import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { PAGE_SIZE } from '@ckptree/model';
import { finishUnit, type LoadPlan, takeUnit } from './load-plan.js';
import type { UnitReader } from './unit-reader.js';

/** Loads units until there are none left, or the load is stopped. @throws ENOMEM, EIO, EBADMSG as the reader */
export function loadUnits(memory: PhysicalMemory, plan: LoadPlan, reader: UnitReader): void {
  for (let unit = takeUnit(plan); unit !== undefined; unit = takeUnit(plan))
    fillUnit(memory, plan, unit, reader.read(unit));
}

/** Copies the contents of a unit into its frames, and drops the plan's references to them. */
export function fillUnit(memory: PhysicalMemory, plan: LoadPlan, unit: number, contents: Uint8Array): void {
  const { firstPage, firstRun, runs, zeros } = plan;
  for (let run = firstRun[unit]!; run < firstRun[unit + 1]!; run++) {
    const [offset, frame, frames] = [runs[run * 3]!, runs[run * 3 + 1]!, runs[run * 3 + 2]!];
    const bytes = contents.subarray(offset, offset + frames * PAGE_SIZE);
    const target = memory.view(frame, frames);
    if (zeros === undefined) target.set(bytes);
    else copyPages(target, bytes, zeros, firstPage[unit]! + offset / PAGE_SIZE);
  }
  finishUnit(memory, plan, unit);
}

const ZERO_PAGE = Buffer.alloc(PAGE_SIZE);

/** Copies pages, but none of zeros: those are noted in `zeros`, from number `first` on. */
function copyPages(target: Uint8Array, bytes: Uint8Array, zeros: Uint8Array, first: number): void {
  let from = 0;
  for (let offset = 0; offset < bytes.length; offset += PAGE_SIZE) {
    if (!isZeroPage(bytes, offset)) continue;
    zeros[first + offset / PAGE_SIZE] = 1;
    target.set(bytes.subarray(from, offset), from);
    from = offset + PAGE_SIZE;
  }
  target.set(bytes.subarray(from), from);
}

function isZeroPage(bytes: Uint8Array, offset: number): boolean {
  // Most pages that are not zero show it soon; that saves the call.
  for (let index = offset; index < offset + 16; index++) if (bytes[index] !== 0) return false;
  return ZERO_PAGE.compare(bytes, offset, offset + PAGE_SIZE) === 0;
}
