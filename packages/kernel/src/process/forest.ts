import { CkptError } from '@ckptree/errors';
import { isWaitedForLocked } from './exit.js';
import type { ProcessTable } from './process-table.js';
import { FLAG, SIGKILL, SLOT, STATE } from './slot.js';

/** A task and where it is: when it has gone, its slot may be another's, and another may have its pid. */
export type TaskInSlot = readonly [slot: number, pid: number];

export interface ForestParts {
  readonly table: ProcessTable;
  /** Makes the cpus look at flags and wake queues. */
  readonly ring: () => void;
  /** Resolves when these tasks have ended. */
  readonly ended: (tasks: readonly TaskInSlot[]) => Promise<void>;
}

/**
 * Tasks that were loaded and have not run: a tree, or a part of one of which the rest is being loaded elsewhere. They run
 * when everybody is ready, or never.
 */
export class Forest {
  /** Of the whole tree. */
  readonly rootPid: number;
  readonly pids: readonly number[];
  readonly #slots: readonly number[];
  readonly #parts: ForestParts;
  #state: 'loaded' | 'started' | 'abandoned' = 'loaded';
  #gone: Promise<void> | undefined;

  constructor(parts: ForestParts, rootPid: number, slots: readonly number[]) {
    this.#parts = parts;
    this.rootPid = rootPid;
    this.#slots = slots;
    this.pids = slots.map((slot) => parts.table.get(slot, SLOT.PID));
  }

  /**
   * Lets the tasks run. Told twice, it does nothing.
   * @param options `frozen`: they stand still until they are thawed
   * @throws EINVAL they were abandoned
   */
  start({ frozen = false }: { readonly frozen?: boolean } = {}): void {
    if (this.#state === 'started') return;
    if (this.#state === 'abandoned')
      throw new CkptError(
        'EINVAL',
        `the tasks of tree ${this.rootPid} were abandoned and cannot be started`,
        {
          pid: this.rootPid,
        },
      );
    this.#state = 'started';
    this.#each((slot) => {
      if (frozen) this.#parts.table.raise(slot, FLAG.FREEZE_USER);
    });
    this.#forgetZombies((slot) => !isWaitedForLocked(this.#parts.table, slot));
  }

  /**
   * Ends the tasks, none of which has run, and forgets them. Resolves when they are gone; told twice, it does nothing.
   * @throws EINVAL they were started: then they are killed like any other
   */
  abandon(): Promise<void> {
    if (this.#state === 'started')
      throw new CkptError('EINVAL', `the tasks of tree ${this.rootPid} were started; kill them instead`, {
        pid: this.rootPid,
      });
    this.#state = 'abandoned';
    this.#gone ??= this.#end();
    return this.#gone;
  }

  async #end(): Promise<void> {
    const { table, ended } = this.#parts;
    this.#each((slot) => table.signalLocked(slot, SIGKILL));
    await ended(this.#slots.map((slot, index) => [slot, this.pids[index]!]));
    // Those whose parents are elsewhere still lie here for them.
    this.#forgetZombies(() => true);
  }

  #forgetZombies(which: (slot: number) => boolean): void {
    const { table } = this.#parts;
    table.locked(() => {
      for (const slot of this.#present())
        if (table.get(slot, SLOT.STATE) === STATE.ZOMBIE && which(slot)) table.releaseLocked(slot);
    });
  }

  /** From here on the tasks are like any other. */
  #each(change: (slot: number) => void): void {
    const { table, ring } = this.#parts;
    table.locked(() => {
      for (const slot of this.#present()) {
        change(slot);
        table.clear(slot, FLAG.INCOMING);
      }
    });
    ring();
  }

  /** The slots in which these tasks still are. */
  #present(): number[] {
    return this.#slots.filter((slot, index) => this.#parts.table.find(this.pids[index]!) === slot);
  }
}
