import { CkptError } from '@ckptree/errors';
import type { ProcessTable } from '../process/process-table.js';
import { SLOT, STATE } from '../process/slot.js';
import type { CpuThreads } from './cpu-threads.js';
import type { TaskExit } from './messages.js';

export interface StopOptions {
  /** The task may not be there yet. */
  readonly unborn?: boolean;
}

/** Requests to stop tasks at ticks, which every cpu hears: a task may be anywhere, or not be born yet. */
export class TickStops {
  readonly #table: ProcessTable;
  readonly #threads: CpuThreads;
  /** The pids that are to stop, by request number. */
  readonly #pids = new Map<number, number>();

  constructor(table: ProcessTable, threads: CpuThreads) {
    this.#table = table;
    this.#threads = threads;
  }

  /** See Kernel.stopAt(). */
  async stopAt(pid: number, tick: number, { unborn = false }: StopOptions): Promise<void> {
    if ([...this.#pids.values()].includes(pid))
      throw new CkptError('EBUSY', `task ${pid} is to stop at another tick already`, { pid });
    // If it ends behind this, that is yet to be heard of here.
    if (!unborn && !this.#isAlive(pid)) throw new CkptError('ESRCH', `there is no task ${pid}`, { pid });
    const { request, done } = this.#threads.register();
    this.#pids.set(request, pid);
    try {
      this.#threads.broadcast({ type: 'stopAt', request, pid, tick });
      await done;
    } finally {
      this.#pids.delete(request);
      this.#threads.broadcast({ type: 'stopAt', request, pid, tick: -1 });
    }
  }

  /** A task stands at its tick. */
  stopped(request: number): void {
    this.#threads.settle(request);
  }

  /** Tasks that ended come to no tick any more. */
  ended(exits: readonly TaskExit[]): void {
    for (const exit of exits) {
      for (const [request, pid] of this.#pids) {
        if (pid !== exit.pid) continue;
        const message = `task ${pid} ended after ${exit.ticks} ticks, before the tick that was waited for`;
        this.#threads.settle(request, new CkptError('ESRCH', message, { pid }));
      }
    }
  }

  #isAlive(pid: number): boolean {
    return this.#table.locked(() => {
      const slot = this.#table.find(pid);
      return slot !== undefined && this.#table.get(slot, SLOT.STATE) !== STATE.ZOMBIE;
    });
  }
}
