import { workerData } from 'node:worker_threads';
import { type ErrorData, errorToData } from '@ckptree/errors';
import { PhysicalMemory, type PhysicalMemoryHandle } from '@ckptree/kernel/memory';
import { type LoadPlan, type Origin, stopLoad } from './load-plan.js';
import { loadUnits } from './load-unit.js';
import { unitReader } from './unit-reader.js';

/** What a thread of a load is given. */
export interface LoadThreadData {
  readonly memory: PhysicalMemoryHandle;
  readonly plan: LoadPlan;
  readonly origin: Origin;
}

const { memory, plan, origin } = workerData as LoadThreadData;
const reader = unitReader(plan, origin);
const physical = PhysicalMemory.attach(memory);

/**
 * The one task of a thread: it loads until there is nothing left, or another thread failed. Errors come back as data:
 * the pool would lose their codes.
 */
export function load(): ErrorData | undefined {
  try {
    loadUnits(physical, plan, reader);
    return undefined;
  } catch (error) {
    stopLoad(plan);
    return errorToData(error);
  }
}
