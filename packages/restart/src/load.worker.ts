import { workerData } from 'node:worker_threads';
import { type ErrorData, errorToData } from '@ckptree/errors';
import { PhysicalMemory, type PhysicalMemoryHandle } from '@ckptree/kernel/memory';
import { fillLazily, type LazyPlan, serveFaults } from './lazy-load.js';
import type { LoadPlan, Origin } from './load-plan.js';
import { stopLoad } from './load-progress.js';
import { loadUnits } from './load-unit.js';
import { unitReader } from './unit-reader.js';

/** What a thread of a load is started with. */
export interface LoadThreadData {
  readonly memory: PhysicalMemoryHandle;
}

/** What a thread is asked to do, until the load is over. */
export type LoadRequest =
  | { readonly kind: 'load'; readonly plan: LoadPlan; readonly origin: Origin }
  | { readonly kind: 'fill' | 'serve'; readonly plan: LazyPlan; readonly origin: Origin };

const memory = PhysicalMemory.attach((workerData as LoadThreadData).memory);

/** @returns the first failure: a thrown error would lose its code on the way */
export async function load(request: LoadRequest): Promise<ErrorData | undefined> {
  const { plan, origin } = request;
  const reader = unitReader(plan, origin);
  if (request.kind === 'fill') return fillLazily(memory, request.plan, reader);
  if (request.kind === 'serve') return serveFaults(memory, request.plan, reader);
  try {
    await loadUnits(memory, plan, reader);
    return undefined;
  } catch (error) {
    stopLoad(plan.progress);
    return errorToData(error);
  }
}
