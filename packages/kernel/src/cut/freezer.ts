import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, SLOT, STATE } from '../process/slot.js';
import { monotonicUs } from './cut-control.js';
import { membersLocked, type Scope } from './scope.js';

/** A tick takes microseconds, so the main thread may wait for one without hurting anybody; longer it sleeps between looks. */
const PATIENCE_MS = 2;
const LOOK_AGAIN_MS = 1;

/** Which freeze flag: a cut's own, the one that people set and clear, or the one until all stand still for them. */
type FreezeFlag = typeof FLAG.FREEZE_CUT | typeof FLAG.FREEZE_USER | typeof FLAG.FREEZING;

/** The tasks that a cut is of. */
export interface Roll {
  /** Slots, depth-first. */
  readonly members: readonly number[];
  /** The pids of those that have ended, by slot: such a one may be waited for, and gone, at any time. */
  readonly zombies: ReadonlyMap<number, number>;
  /** That host living tasks among them; at least one, who takes the cut also of those who have all ended. */
  readonly cpus: ReadonlySet<number>;
  /** Of the process table, when the roll was called. */
  readonly version: number;
  /** When the first of them was told to stand still, by monotonicUs(). */
  readonly markedUs: number;
}

/**
 * Stops whole trees at safe points. The protocol, in the order that makes it safe:
 *
 * 1. Under the table's lock every task of the tree gets the freeze flag. A child is born under the same lock and with
 *    its parent's flag, so it is in the tree and flagged, or born later and flagged.
 * 2. A cpu announces the task that it is about to run, then reads its flags; the freezer has written the flags and now
 *    reads the announcements. Both are sequentially consistent, so a flagged task is seen by one or the other: it does
 *    not start, or the freezer waits until its tick has ended. For a cut, each cpu that hosts some of the tasks is rung instead, and
 *    says when it is between two ticks.
 * 3. Then no task of the tree runs, none can be born, and the tree is walked again, unless the table's version tells that
 *    nothing in it has changed: what it is now it stays.
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
   * Freezes for people, until thaw(); one freeze at a time. What is in the scope when all stand still is frozen then, and
   * nothing else: orphans may have left it.
   * @throws ESRCH there are none; ETIMEDOUT a tick took longer; the tree then runs on
   */
  async freeze(scope: Scope, timeoutMs: number): Promise<void> {
    this.#raise(scope, FLAG.FREEZING);
    try {
      await this.#waitForSafePoints(performance.now() + timeoutMs);
      this.#raise(scope, FLAG.FREEZE_USER);
    } finally {
      this.#clear(
        this.#table.locked(() => this.#flaggedLocked(FLAG.FREEZING)),
        FLAG.FREEZING,
      );
    }
  }

  /**
   * Flags tasks for a cut: none of them begins another tick until they are let go.
   * @param announce what is to be done before any of them stands still, with the table's lock held
   * @returns the pid of a task instead, and nothing is done, when a signal is about to end one of them
   * @throws ESRCH there are none; EBUSY another cut holds some of them
   */
  mark(scope: Scope, announce: (roll: Roll) => void): Roll | number {
    return this.#table.locked(() => {
      const members = membersLocked(this.#table, scope);
      this.#checkFree(members);
      const dying = this.#dyingAmong(members);
      if (dying !== undefined) return dying;
      const roll = this.#roll(members);
      announce(roll);
      // The tasks run until here: what was done before cost them nothing.
      const markedUs = monotonicUs();
      for (const slot of members) this.#table.raise(slot, FLAG.FREEZE_CUT);
      return { ...roll, markedUs };
    });
  }

  /**
   * Calls the roll again, when all stand still and the tree is not what it was.
   * @param announce, @returns as of mark(); also the pid of one that was not told to stand still: it came meanwhile, with the pid of
   *   one that has gone, or from elsewhere
   * @throws ESRCH all have gone
   */
  recall(scope: Scope, before: Roll, announce: (roll: Roll) => void): Roll | number {
    return this.#table.locked(() => {
      const members = membersLocked(this.#table, scope);
      const unfit = this.#dyingAmong(members) ?? this.#unmarkedAmong(members);
      if (unfit !== undefined) return unfit;
      this.#cuts.delete(before.members);
      const roll = { ...this.#roll(members), markedUs: before.markedUs };
      this.#thawStrays();
      announce(roll);
      return roll;
    });
  }

  /** Freezes the tasks of a cut for people, too: they stay frozen when it lets them go. */
  keep(roll: Roll): void {
    this.#table.locked(() => {
      for (const slot of this.#same(roll)) this.#table.raise(slot, FLAG.FREEZE_USER);
    });
  }

  /** Lets the tasks of a cut run again, once; except those that another flag still holds. */
  release(roll: Roll): void {
    const same = this.#same(roll);
    this.#cuts.delete(roll.members);
    this.#clear(same, FLAG.FREEZE_CUT);
  }

  /** As release(), of a cut that came to nothing. */
  abandon(roll: Roll): void {
    this.release(roll);
    this.#table.locked(() => this.#thawStrays());
  }

  /** The cpus have let the tasks of a cut run already. */
  released({ members }: Roll): void {
    this.#cuts.delete(members);
  }

  /** A task of a cut that runs all the same: its tick has not ended. */
  straggler({ cpus }: Roll): number | undefined {
    const running = [...cpus].map((cpu) => this.#control.current(cpu));
    const slot = running.find((slot) => (this.#table.flags(slot) & FLAG.FREEZE_CUT) !== 0);
    return slot === undefined ? undefined : this.#table.get(slot, SLOT.PID);
  }

  /** Lets tasks run again that people have frozen. @throws ESRCH there are none */
  thaw(scope: Scope): void {
    const slots = this.#table.locked(() => membersLocked(this.#table, scope));
    this.#clear(slots, FLAG.FREEZE_USER);
  }

  /** The members of a cut that is still held: a zombie may have gone meanwhile, and its slot be another task's. */
  #same({ members }: Roll): number[] {
    const pids = this.#cuts.get(members);
    return members.filter((slot, index) => this.#table.get(slot, SLOT.PID) === pids?.[index]);
  }

  #raise(scope: Scope, flag: FreezeFlag): void {
    this.#table.locked(() => {
      for (const slot of membersLocked(this.#table, scope)) this.#table.raise(slot, flag);
    });
  }

  #flaggedLocked(flag: FreezeFlag): number[] {
    return this.#table.slotsLocked().filter((slot) => (this.#table.flags(slot) & flag) !== 0);
  }

  #clear(slots: readonly number[], flag: FreezeFlag): void {
    for (const slot of slots) this.#table.clear(slot, flag);
    for (const cpu of this.#cpusOf(slots)) this.#control.ring(cpu, IRQ.THAW);
  }

  /** The pid of one that a signal is about to end. */
  #dyingAmong(slots: readonly number[]): number | undefined {
    return this.#livingAmong(slots, (flags) => (flags & FLAG.SIGNALLED) !== 0);
  }

  /** The pid of one that no cut has told to stand still. */
  #unmarkedAmong(slots: readonly number[]): number | undefined {
    return this.#livingAmong(slots, (flags) => (flags & FLAG.FREEZE_CUT) === 0);
  }

  /** The pid of the first living one with such flags. */
  #livingAmong(slots: readonly number[], wanted: (flags: number) => boolean): number | undefined {
    const found = slots.find(
      (slot) => wanted(this.#table.flags(slot)) && this.#table.get(slot, SLOT.STATE) !== STATE.ZOMBIE,
    );
    return found === undefined ? undefined : this.#table.get(found, SLOT.PID);
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
    const strays = this.#flaggedLocked(FLAG.FREEZE_CUT).filter((slot) => !held.has(slot));
    this.#clear(strays, FLAG.FREEZE_CUT);
  }

  #roll(members: readonly number[]): Roll {
    this.#cuts.set(
      members,
      Int32Array.from(members, (slot) => this.#table.get(slot, SLOT.PID)),
    );
    const cpus = this.#cpusOf(members);
    const zombies = members.filter((slot) => this.#table.get(slot, SLOT.STATE) === STATE.ZOMBIE);
    return {
      members,
      zombies: new Map(zombies.map((slot) => [slot, this.#table.get(slot, SLOT.PID)])),
      cpus: cpus.size > 0 ? cpus : new Set([0]),
      version: this.#table.versionLocked,
      markedUs: 0,
    };
  }

  /** The cpus that host living tasks among these. */
  #cpusOf(slots: readonly number[]): ReadonlySet<number> {
    const cpus = new Set<number>();
    for (const slot of slots)
      if (this.#table.get(slot, SLOT.STATE) !== STATE.ZOMBIE) cpus.add(this.#table.get(slot, SLOT.CPU));
    return cpus;
  }

  async #waitForSafePoints(deadline: number): Promise<void> {
    for (let cpu = 0; cpu < this.#control.cpus; cpu++) {
      const running = this.#control.current(cpu);
      if ((this.#table.flags(running) & FLAG.FREEZING) === 0) continue;
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
