import { type ErrorData, errorFromData } from '@ckptree/errors';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { Piscina } from 'piscina';
import type { LoadThreadData } from './load.worker.js';
import { type LoadPlan, type Origin, stopLoad } from './load-plan.js';

/** How often the caller is told how far it is. */
const PROGRESS_MS = 100;

/**
 * Loads all units of a plan in threads of their own. When it returns or throws, none of them is at work any more.
 * @param onProgress called now and then; what it throws ends the load
 * @throws as loadUnits(), and what `onProgress` throws
 */
export async function loadInThreads(
  memory: PhysicalMemory,
  plan: LoadPlan,
  origin: Origin,
  threads: number,
  onProgress: () => void,
): Promise<void> {
  const workerData: LoadThreadData = { memory: memory.handle, plan, origin };
  const pool = new Piscina<undefined, ErrorData | undefined>({
    filename: new URL('./load.worker.cjs', import.meta.url).href,
    name: 'load',
    minThreads: threads,
    maxThreads: threads,
    workerData,
    // Host descriptors belong to the process: this thread opens and closes them.
    trackUnmanagedFds: false,
    recordTiming: false,
  });
  let stopped: unknown;
  const timer = setInterval(() => {
    try {
      onProgress();
    } catch (error) {
      stopped ??= error;
      stopLoad(plan);
    }
  }, PROGRESS_MS);
  try {
    const ends = await Promise.allSettled(Array.from({ length: threads }, () => pool.run(undefined)));
    if (stopped !== undefined) throw stopped;
    for (const end of ends) {
      if (end.status === 'rejected') throw end.reason;
      if (end.value !== undefined) throw errorFromData(end.value);
    }
    onProgress();
  } finally {
    clearInterval(timer);
    await pool.destroy();
  }
}
