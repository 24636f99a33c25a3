import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { ProcessTable } from '../process/process-table.js';
import { type FLAG, SLOT, STATE } from '../process/slot.js';

/** A tick takes microseconds, so the main thread may wait for one without hurting anybody; longer it sleeps between looks. */
const PATIENCE_MS = 2;
const LOOK_AGAIN_MS = 1;

/** Which freeze flag: a cut's own, or the one that people set and clear. */
type FreezeFlag = typeof FLAG.FREEZE_CUT | typeof FLAG.FREEZE_USER;

/**
 * Stops whole trees at safe points. The protocol, in the order that makes it safe:
 *
 * 1. Under the table's lock every task of the tree gets the freeze flag. A child is born under the same lock and with
 *    its parent's flag, so it is in the tree and flagged, or born later and flagged.
 * 2. A cpu announces the task that it is about to run, then reads its flags; the freezer has written the flags and now
 *    reads the announcements. Both are sequentially consistent, so a flagged task is seen by one or the other: it does
 *    not start, or the freezer waits until its tick has ended.
 * 3. Then no task of the tree runs, none can be born, and the tree is walked again: what it is now it stays.
 */
export class Freezer {
  readonly #table: ProcessTable;
  readonly #control: CpuControl;

  constructor(table: ProcessTable, control: CpuControl) {
    this.#table = table;
    this.#control = control;
  }

  /**
   * @returns the slots of the tree, depth-first, all of them at safe points
   * @throws ESRCH no such task; ETIMEDOUT a tick took longer; the tree then runs on
   */
  async freeze(rootPid: number, flag: FreezeFlag, timeoutMs: number): Promise<readonly number[]> {
    const marked = this.#table.locked(() => {
      const slots = this.#table.subtreeLocked(this.#root(rootPid));
      for (const slot of slots) this.#table.raise(slot, flag);
      return slots;
    });
    try {
      await this.#waitForSafePoints(flag, performance.now() + timeoutMs, rootPid);
      return this.#table.locked(() => this.#table.subtreeLocked(this.#root(rootPid)));
    } catch (error) {
      this.release(marked, flag);
      throw error;
    }
  }

  /** Lets tasks run again, except those that another flag still holds. */
  release(slots: readonly number[], flag: FreezeFlag): void {
    for (const slot of slots) this.#table.clear(slot, flag);
    for (const cpu of this.cpusOf(slots)) this.#control.ring(cpu, IRQ.THAW);
  }

  /** Clears a flag in a whole tree. */
  thaw(rootPid: number, flag: FreezeFlag): void {
    this.release(
      this.#table.locked(() => this.#table.subtreeLocked(this.#root(rootPid))),
      flag,
    );
  }

  /** The cpus that host living tasks among these. */
  cpusOf(slots: readonly number[]): ReadonlySet<number> {
    const cpus = new Set<number>();
    for (const slot of slots)
      if (this.#table.get(slot, SLOT.STATE) !== STATE.ZOMBIE) cpus.add(this.#table.get(slot, SLOT.CPU));
    return cpus;
  }

  async #waitForSafePoints(flag: FreezeFlag, deadline: number, pid: number): Promise<void> {
    for (let cpu = 0; cpu < this.#control.cpus; cpu++) {
      const running = this.#control.current(cpu);
      if ((this.#table.flags(running) & flag) === 0) continue;
      this.#control.ring(cpu, IRQ.FREEZE);
      while (!this.#control.waitLeft(cpu, running, PATIENCE_MS)) {
        if (performance.now() > deadline)
          throw new CkptError(
            'ETIMEDOUT',
            `task ${this.#table.get(running, SLOT.PID)} did not reach a safe point in time`,
            { pid },
          );
        await sleep(LOOK_AGAIN_MS);
      }
    }
  }

  #root(pid: number): number {
    const slot = this.#table.find(pid);
    if (slot === undefined) throw new CkptError('ESRCH', `there is no task ${pid}`, { pid });
    // The threads of a group are one thing: none is frozen, or restarted, without the others.
    return this.#table.leaderLocked(slot);
  }
}
