import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, SLOT, STATE } from '../process/slot.js';
import { membersLocked, type Scope } from './scope.js';

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
  /** What cuts hold frozen: slots, and the pids that are in them. */
  readonly #cuts = new Map<readonly number[], Int32Array>();

  constructor(table: ProcessTable, control: CpuControl) {
    this.#table = table;
    this.#control = control;
  }

  /**
   * @returns the slots in the scope, depth-first, all of them at safe points
   * @throws ESRCH there are none; EBUSY (a cut) another cut holds some of them; ETIMEDOUT a tick took longer; the tree then
   *   runs on
   */
  async freeze(scope: Scope, flag: FreezeFlag, timeoutMs: number): Promise<readonly number[]> {
    const ended = this.#table.endedTasks;
    const marked = this.#table.locked(() => {
      const slots = membersLocked(this.#table, scope);
      if (flag === FLAG.FREEZE_CUT) this.#checkFree(slots);
      for (const slot of slots) this.#table.raise(slot, flag);
      return slots;
    });
    try {
      await this.#waitForSafePoints(flag, performance.now() + timeoutMs);
      return this.#table.locked(() => {
        const members = membersLocked(this.#table, scope);
        if (flag === FLAG.FREEZE_USER) return members;
        this.#cuts.set(members, this.#pidsIn(members));
        if (this.#table.endedTasks !== ended) this.#thawStrays();
        return members;
      });
    } catch (error) {
      this.#clear(marked, flag);
      throw error;
    }
  }

  /** Lets the tasks of a cut run again, once; except those that another flag still holds. @param slots as freeze() gave them */
  release(slots: readonly number[]): void {
    const pids = this.#cuts.get(slots);
    this.#cuts.delete(slots);
    if (pids === undefined) return;
    // A zombie may have gone meanwhile, and its slot be another task's.
    const same = slots.filter((slot, index) => this.#table.get(slot, SLOT.PID) === pids[index]);
    this.#clear(same, FLAG.FREEZE_CUT);
  }

  /** Lets tasks run again that people have frozen. @throws ESRCH there are none */
  thaw(scope: Scope): void {
    const slots = this.#table.locked(() => membersLocked(this.#table, scope));
    this.#clear(slots, FLAG.FREEZE_USER);
  }

  /** The cpus that host living tasks among these. */
  cpusOf(slots: readonly number[]): ReadonlySet<number> {
    const cpus = new Set<number>();
    for (const slot of slots)
      if (this.#table.get(slot, SLOT.STATE) !== STATE.ZOMBIE) cpus.add(this.#table.get(slot, SLOT.CPU));
    return cpus;
  }

  #clear(slots: readonly number[], flag: FreezeFlag): void {
    for (const slot of slots) this.#table.clear(slot, flag);
    for (const cpu of this.cpusOf(slots)) this.#control.ring(cpu, IRQ.THAW);
  }

  #checkFree(slots: readonly number[]): void {
    const held = slots.find((slot) => (this.#table.flags(slot) & FLAG.FREEZE_CUT) !== 0);
    if (held === undefined) return;
    const pid = this.#table.get(held, SLOT.PID);
    throw new CkptError('EBUSY', `task ${pid} stands still for another checkpoint; try again`, { pid });
  }

  /** Orphans of tasks that ended before they came to a safe point have left the scope, with the flag on them. */
  #thawStrays(): void {
    const held = new Set([...this.#cuts.keys()].flat());
    const strays = this.#table
      .slotsLocked()
      .filter((slot) => (this.#table.flags(slot) & FLAG.FREEZE_CUT) !== 0 && !held.has(slot));
    this.#clear(strays, FLAG.FREEZE_CUT);
  }

  #pidsIn(slots: readonly number[]): Int32Array {
    return Int32Array.from(slots, (slot) => this.#table.get(slot, SLOT.PID));
  }

  async #waitForSafePoints(flag: FreezeFlag, deadline: number): Promise<void> {
    for (let cpu = 0; cpu < this.#control.cpus; cpu++) {
      const running = this.#control.current(cpu);
      if ((this.#table.flags(running) & flag) === 0) continue;
      this.#control.ring(cpu, IRQ.FREEZE);
      while (!this.#control.waitLeft(cpu, running, PATIENCE_MS)) {
        if (performance.now() > deadline) {
          const pid = this.#table.get(running, SLOT.PID);
          throw new CkptError('ETIMEDOUT', `task ${pid} did not reach a safe point in time`, { pid });
        }
        await sleep(LOOK_AGAIN_MS);
      }
    }
  }
}
