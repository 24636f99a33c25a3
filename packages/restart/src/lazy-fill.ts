import { setImmediate } from 'node:timers/promises';
import { type CkptError, type ErrorData, errorFromData, errorToData } from '@ckptree/errors';
import type { PageFill } from '@ckptree/kernel';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { type LazyPlan, poisonUnit, serveOne } from './lazy-load.js';
import { eachRun, type LoadPlan, type Origin, unitsOf } from './load-plan.js';
import { LoadPool } from './load-pool.js';
import { hasFailed, isLoaded, isOver, isServed, isStopped, stopLoad } from './load-progress.js';
import { unitReader } from './unit-reader.js';

/** How long the calling thread serves faults before it starts threads that do. */
const HEAD_START_MS = 10;
/** How long it sleeps at a time meanwhile. */
const PATIENCE_MS = 0.2;

export interface LazyFillParts {
  readonly memory: PhysicalMemory;
  /** No thread works on it yet, and no task has its frames. */
  readonly plan: LoadPlan;
  readonly origin: Origin;
  /** Threads that bring everything, beside one that serves faults. */
  readonly threads: number;
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

  async #run({ memory, origin, threads, close }: LazyFillParts): Promise<void> {
    const plan = this.#plan;
    const { progress } = plan;
    const started = performance.now();
    // Threads take their time to start, and the machine's: first let the tasks begin.
    const early = await this.#serveHere(origin, () => performance.now() < started + HEAD_START_MS);
    const pool = new LoadPool(memory, threads + 1);
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
      const fills = Array.from({ length: threads }, () => run('fill'));
      const meanwhile = this.#serveHere(origin, () => !isServed(progress));
      const failures = [early, ...(await Promise.all([run('serve'), ...fills, meanwhile]))];
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

  /** Serves faults on this thread, in turn with whatever else it has to do. */
  async #serveHere(origin: Origin, goesOn: () => boolean): Promise<ErrorData | undefined> {
    const { progress } = this.#plan;
    const reader = unitReader(this.#plan, origin);
    let failure: ErrorData | undefined;
    while (goesOn() && !isStopped(progress) && !isOver(progress)) {
      await setImmediate();
      const failed = serveOne(this.#memory, this.#plan, reader, PATIENCE_MS);
      failure ??= failed;
    }
    return failure;
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
