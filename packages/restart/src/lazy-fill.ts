import { type CkptError, type ErrorData, errorFromData, errorToData } from '@ckptree/errors';
import type { PageFill } from '@ckptree/kernel';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { type LazyPlan, poisonUnit } from './lazy-load.js';
import { eachRun, type LoadPlan, type Origin, unitsOf } from './load-plan.js';
import type { LoadPool } from './load-pool.js';
import { hasFailed, isLoaded, stopLoad } from './load-progress.js';

export interface LazyFillParts {
  readonly memory: PhysicalMemory;
  /** No thread works on it yet, and no task has its frames. */
  readonly plan: LoadPlan;
  readonly origin: Origin;
  /** The fill closes it: one thread that serves faults, and others that bring the rest. */
  readonly pool: LoadPool;
  /** Gives back what the origin has open. */
  readonly close: () => Promise<void>;
}

/** Contents that come while the tasks run: first what a task waits for, then the rest. */
export class LazyFill implements PageFill {
  readonly done: Promise<void>;
  readonly #memory: PhysicalMemory;
  readonly #plan: LazyPlan;
  #stopped: CkptError | undefined;
  #isOver = false;
  /** Frames that are poisoned, with the plan's reference. */
  #poisoned: number[] = [];

  constructor(parts: LazyFillParts) {
    const { memory, plan } = parts;
    this.#memory = memory;
    const firstUnit = memory.userfault.newUnits(unitsOf(plan));
    this.#plan = { ...plan, firstUnit };
    for (let unit = 0; unit < unitsOf(plan); unit++)
      eachRun(plan, unit, (frame, frames) => memory.userfault.register(frame, frames, firstUnit + unit));
    this.done = this.#run(parts);
    // Whoever asks hears of it; perhaps nobody does before it fails.
    this.done.catch(() => undefined);
  }

  async stop(reason: CkptError): Promise<void> {
    this.#stopped ??= reason;
    this.#end();
    await this.done.catch(() => undefined); // told to whoever asked for `done`
  }

  reclaim(): boolean {
    const { userfault } = this.#memory;
    this.#poisoned = this.#poisoned.filter((frame) => {
      if (this.#memory.refs(frame) > 1) return true;
      userfault.resolve(frame, 1);
      this.#memory.drop(frame);
      return false;
    });
    return !this.#isOver || this.#poisoned.length > 0;
  }

  async #run({ pool, origin, close }: LazyFillParts): Promise<void> {
    const plan = this.#plan;
    const run = async (kind: 'serve' | 'fill'): Promise<ErrorData | undefined> => {
      try {
        return await pool.run({ kind, plan, origin });
      } catch (error) {
        // A thread is gone, and its unit with it: the others would wait for that.
        this.#end();
        return errorToData(error);
      }
    };
    try {
      const fills = Array.from({ length: Math.max(1, pool.threads - 1) }, () => run('fill'));
      const failures = await Promise.all([run('serve'), ...fills]);
      const failure = this.#stopped === undefined ? failures.find(Boolean) : errorToData(this.#stopped);
      if (failure === undefined) return;
      this.#poisonRest(failure);
      throw errorFromData(failure);
    } finally {
      this.#isOver = true;
      await pool.close();
      await close();
    }
  }

  #end(): void {
    stopLoad(this.#plan.progress);
    this.#memory.userfault.ring();
  }

  /** No thread is at work any more: what is not there will not come. */
  #poisonRest(failure: ErrorData): void {
    const plan = this.#plan;
    for (let unit = 0; unit < unitsOf(plan); unit++) {
      if (isLoaded(plan.progress, unit)) continue;
      if (!hasFailed(plan.progress, unit)) poisonUnit(this.#memory, plan, unit, failure);
      eachRun(plan, unit, (frame, frames) => {
        for (let index = 0; index < frames; index++) this.#poisoned.push(frame + index);
      });
    }
  }
}
