import { type ErrorData, errorToData } from '@ckptree/errors';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { eachRun, type LoadPlan, unitsOf } from './load-plan.js';
import { claimUnit, endUnit, isOver, isStopped, setServed, takeUnit } from './load-progress.js';
import { dropUnit, fillUnit, loopTurner } from './load-unit.js';
import type { UnitReader } from './unit-reader.js';

/** Whoever serves faults looks again so often, whether or not it is rung. */
const SLEEP_MS = 1_000;

/** A plan of which tasks have the frames already. */
export type LazyPlan = LoadPlan & { readonly firstUnit: number };

/**
 * Brings all units while tasks run, those first that tasks wait for.
 * @returns the first failure; the frames of units that failed are poisoned, the others come all the same
 */
export async function fillLazily(
  memory: PhysicalMemory,
  plan: LazyPlan,
  reader: UnitReader,
): Promise<ErrorData | undefined> {
  let failure: ErrorData | undefined;
  const turn = loopTurner();
  for (;;) {
    const unit = takeRequested(memory, plan) ?? takeUnit(plan.progress);
    if (unit === undefined) return failure;
    const failed = bringUnit(memory, plan, unit, reader);
    failure ??= failed;
    await turn();
  }
}

/** As fillLazily(), but brings only what tasks wait for, at once, until all of the load is over. */
export async function serveFaults(
  memory: PhysicalMemory,
  plan: LazyPlan,
  reader: UnitReader,
): Promise<ErrorData | undefined> {
  let failure: ErrorData | undefined;
  const turn = loopTurner();
  setServed(plan.progress);
  while (!isOver(plan.progress) && !isStopped(plan.progress)) {
    const failed = serveOne(memory, plan, reader, SLEEP_MS);
    failure ??= failed;
    await turn();
  }
  return failure;
}

/**
 * Brings a unit that a task waits for.
 * @param timeoutMs how long to wait on this thread until there is one
 */
export function serveOne(
  memory: PhysicalMemory,
  plan: LazyPlan,
  reader: UnitReader,
  timeoutMs: number,
): ErrorData | undefined {
  // Before the requests are looked at: a ring behind that ends the sleep at once.
  const seen = memory.userfault.bell;
  const unit = takeRequested(memory, plan);
  if (unit !== undefined) return bringUnit(memory, plan, unit, reader);
  memory.userfault.awaitBell(seen, timeoutMs);
  return undefined;
}

/** A unit that somebody waits for and nobody brings yet. */
function takeRequested({ userfault }: PhysicalMemory, plan: LazyPlan): number | undefined {
  for (const requested of userfault.requests()) {
    const unit = requested - plan.firstUnit;
    if (unit >= 0 && unit < unitsOf(plan) && claimUnit(plan.progress, unit)) return unit;
  }
  return undefined;
}

function bringUnit(
  memory: PhysicalMemory,
  plan: LazyPlan,
  unit: number,
  reader: UnitReader,
): ErrorData | undefined {
  try {
    if (isWanted(memory, plan, unit)) fillUnit(memory, plan, unit, reader.read(unit));
    eachRun(plan, unit, (frame, frames) => memory.userfault.resolve(frame, frames));
    end(memory, plan, unit, dropUnit(memory, plan, unit));
    return undefined;
  } catch (error) {
    const failure = errorToData(error);
    poisonUnit(memory, plan, unit, failure);
    return failure;
  }
}

/** Whether any task still has a frame of the unit: the plan's own reference is then not the last. */
function isWanted(memory: PhysicalMemory, plan: LazyPlan, unit: number): boolean {
  let wanted = false;
  eachRun(plan, unit, (frame, frames) => {
    for (let index = 0; index < frames && !wanted; index++) wanted = memory.refs(frame + index) > 1;
  });
  return wanted;
}

/** The contents of a unit cannot be had. The plan keeps its references to the frames. */
export function poisonUnit(memory: PhysicalMemory, plan: LazyPlan, unit: number, failure: ErrorData): void {
  const record = memory.userfault.record(failure);
  eachRun(plan, unit, (frame, frames) => memory.userfault.poison(frame, frames, record));
  end(memory, plan, unit, 0, true);
}

function end(
  memory: PhysicalMemory,
  { progress }: LazyPlan,
  unit: number,
  pages: number,
  failed = false,
): void {
  // Who serves faults has nothing more to wait for.
  if (endUnit(progress, unit, pages, failed)) memory.userfault.ring();
}
