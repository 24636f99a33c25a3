import { setImmediate } from 'node:timers/promises';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { PAGE_SIZE } from '@ckptree/model';
import { eachRun, type LoadPlan } from './load-plan.js';
import { endUnit, takeUnit } from './load-progress.js';
import type { UnitReader } from './unit-reader.js';

/** Units between two turns of the thread's loop: else nothing that a native library has allocated would be given back. */
const UNITS_PER_TURN = 4;

/** Loads units until there are none left, or the load is stopped. @throws EIO, EBADMSG as the reader */
export async function loadUnits(memory: PhysicalMemory, plan: LoadPlan, reader: UnitReader): Promise<void> {
  const turn = loopTurner();
  for (let unit = takeUnit(plan.progress); unit !== undefined; unit = takeUnit(plan.progress)) {
    fillUnit(memory, plan, unit, reader.read(unit));
    endUnit(plan.progress, unit, dropUnit(memory, plan, unit));
    await turn();
  }
}

/** To be called after each unit: now and then lets the thread's loop turn. */
export function loopTurner(): () => Promise<void> {
  let units = 0;
  return async () => {
    if (++units % UNITS_PER_TURN === 0) await setImmediate();
  };
}

/** Copies the contents of a unit into its frames. */
export function fillUnit(memory: PhysicalMemory, plan: LoadPlan, unit: number, contents: Uint8Array): void {
  const { firstPage, zeros } = plan;
  eachRun(plan, unit, (frame, frames, offset) => {
    const bytes = contents.subarray(offset, offset + frames * PAGE_SIZE);
    const target = memory.view(frame, frames);
    if (zeros === undefined) target.set(bytes);
    else copyPages(target, bytes, zeros, firstPage[unit]! + offset / PAGE_SIZE);
  });
}

/** Drops the plan's references to the frames of a unit: from then on they are their holders' alone. @returns how many */
export function dropUnit(memory: PhysicalMemory, plan: LoadPlan, unit: number): number {
  let pages = 0;
  eachRun(plan, unit, (frame, frames) => {
    for (let index = 0; index < frames; index++) memory.drop(frame + index);
    pages += frames;
  });
  return pages;
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
