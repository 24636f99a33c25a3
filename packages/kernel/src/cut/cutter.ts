import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { Cut, CutOptions } from '@ckptree/model';
import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { CutPiece } from '../cpu/messages.js';
import { FileVersions } from '../files/file-versions.js';
import type { PageFills } from '../memory/page-fills.js';
import { PageTable } from '../memory/page-table.js';
import type { PhysicalMemory } from '../memory/physical-memory.js';
import type { ProcessTable } from '../process/process-table.js';
import { SLOT, STATE } from '../process/slot.js';
import { awaitMemory } from './awaited-memory.js';
import { CutAssembly } from './cut-assembly.js';
import { type CutControl, type CutOutcome, monotonicUs } from './cut-control.js';
import { CutPieces, leavesOf } from './cut-pieces.js';
import type { Freezer, Roll } from './freezer.js';
import { HeldCut } from './held-cut.js';
import { type Scope, subtrees } from './scope.js';

const DEFAULT_TIMEOUT_MS = 5_000;
/** How long the main thread waits for a cut without looking at anything else. */
const PATIENCE_MS = 5;
const LOOK_AGAIN_MS = 1;

export interface CutterParts {
  readonly table: ProcessTable;
  readonly memory: PhysicalMemory;
  readonly control: CpuControl;
  readonly cuts: CutControl;
  readonly freezer: Freezer;
  readonly fills: PageFills;
}

export interface HoldOptions {
  /** After so long without all tasks at a safe point the cut is given up, the tasks run on, and ETIMEDOUT is thrown. */
  readonly timeoutMs?: number;
  /** The tasks are let go so long after the request, whatever happens. */
  readonly leaseMs?: number;
}

/** A cut that was not taken: all run on, as a signal is about to end one of them, or one has come that was not told to stand still. */
interface PutOff {
  readonly pid: number;
  /** How long they stood still for it, in microseconds. */
  readonly stoodStillUs: number;
}

interface TakeOptions {
  readonly timeoutMs: number;
  readonly leaseMs?: number | undefined;
  /** The tasks run again as soon as their snapshots are taken. */
  readonly thaws?: boolean;
}

/**
 * Has cuts taken (freeze, snapshot, thaw: see CutControl), and puts together what the cpus saw while the tasks run again.
 */
export class Cutter {
  readonly #parts: CutterParts;
  readonly #versions = new FileVersions();
  /** Cuts of which not all has come in. */
  readonly #incoming = new Map<number, CutPieces>();
  #lastCut = 0;
  /** Why nothing more will come. */
  #failure: Error | undefined;

  constructor(parts: CutterParts) {
    this.#parts = parts;
  }

  /**
   * Freezes, snapshots and thaws. One at a time: the caller sees to it.
   * @returns what cut() makes of it
   */
  async snapshot(
    rootPid: number,
    { leaveFrozen = false, timeoutMs = DEFAULT_TIMEOUT_MS }: CutOptions,
  ): Promise<HeldCut> {
    const held = await this.#take(subtrees([rootPid]), { timeoutMs, thaws: !leaveFrozen });
    held.resume({ leaveFrozen });
    return held;
  }

  /** What a snapshot has seen, once all of its memory is there: that may take as long as a disk does. */
  async cut(rootPid: number, held: HeldCut, { leaveFrozen = false, signal }: CutOptions): Promise<Cut> {
    const giveUp = (): void => held.release();
    if (signal?.aborted) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    const tree = await held.tree
      .catch((error: unknown) => {
        if (leaveFrozen) this.#thaw(rootPid);
        throw error;
      })
      .finally(() => signal?.removeEventListener('abort', giveUp));
    const { stoodStillUs } = held.resume();
    if (tree.tasks.length === 0)
      throw new CkptError('ESRCH', `there is no task ${rootPid}`, { pid: rootPid });
    let frozen = leaveFrozen;
    return {
      tree,
      timing: { ...held.timing, ...(leaveFrozen ? {} : { downtimeUs: stoodStillUs }) },
      thaw: async () => {
        if (frozen) this.#thaw(rootPid);
        frozen = false;
      },
      releaseMm: (mm) => held.releaseMm(mm),
      release: () => held.release(),
    };
  }

  /** As snapshot(), but the tasks stand still until they are told to run, or until the lease ends. */
  hold(scope: Scope, { leaseMs = DEFAULT_TIMEOUT_MS, timeoutMs = leaseMs }: HoldOptions): Promise<HeldCut> {
    return this.#take(scope, { timeoutMs: Math.min(timeoutMs, leaseMs), leaseMs });
  }

  /** A cpu tells what it saw. */
  receive(piece: CutPiece): void {
    const pieces = this.#incoming.get(piece.cut);
    // Of a cut that was given up.
    if (pieces === undefined) return this.#giveBack(leavesOf(piece));
    pieces.receive(piece);
    if (pieces.isComplete) this.#incoming.delete(piece.cut);
  }

  /** The kernel is gone: nothing more will come in. */
  abandon(error: Error): void {
    this.#failure = error;
    for (const pieces of this.#incoming.values()) pieces.discard(error);
    this.#incoming.clear();
  }

  async #take(scope: Scope, options: TakeOptions): Promise<HeldCut> {
    const deadlineUs = monotonicUs() + options.timeoutMs * 1e3;
    for (let stoodBeforeUs = 0; ; ) {
      const taken = await this.#attempt(scope, options, { deadlineUs, stoodBeforeUs });
      if (taken instanceof HeldCut) return taken;
      stoodBeforeUs += taken.stoodStillUs;
      await this.#putOff(taken.pid, deadlineUs);
    }
  }

  async #attempt(
    scope: Scope,
    { leaseMs, thaws = false }: TakeOptions,
    { deadlineUs, stoodBeforeUs }: { readonly deadlineUs: number; readonly stoodBeforeUs: number },
  ): Promise<HeldCut | PutOff> {
    const { control, cuts, freezer } = this.#parts;
    const id = ++this.#lastCut;
    const pieces = new CutPieces((snapshots) => this.#giveBack(snapshots));
    const begin = (roll: Roll, standing: boolean): void => {
      pieces.expect(roll.cpus.size);
      this.#incoming.set(id, pieces);
      if (leaseMs !== undefined) cuts.hold(id);
      cuts.beginLocked({ id, ...roll, standing, thaws });
    };
    const ring = ({ cpus }: Roll, irq: number): void => {
      for (const cpu of cpus) control.ring(cpu, irq);
    };
    const marked = freezer.mark(scope, (called) => begin(called, false));
    if (typeof marked === 'number') return { pid: marked, stoodStillUs: 0 };
    let roll = marked;
    const giveUp = (): void => {
      this.#incoming.delete(id);
      cuts.letGo(id);
      freezer.abandon(roll);
    };
    try {
      ring(roll, IRQ.CUT);
      if ((await this.#outcome(roll, deadlineUs)) === 'changed') {
        const recalled = freezer.recall(scope, roll, (called) => begin(called, true));
        if (typeof recalled === 'number') {
          giveUp();
          return { pid: recalled, stoodStillUs: monotonicUs() - roll.markedUs };
        }
        roll = recalled;
        ring(roll, IRQ.SNAPSHOT);
        await this.#outcome(roll, deadlineUs);
      }
      if (leaseMs !== undefined && monotonicUs() > roll.markedUs + leaseMs * 1e3)
        throw new CkptError('ETIMEDOUT', 'the lease ended before all snapshots were taken');
    } catch (error) {
      giveUp();
      pieces.discard(error as Error);
      throw error;
    }
    if (thaws) freezer.released(roll);
    return this.#taken(id, roll, pieces, { leaseMs, thaws, stoodBeforeUs });
  }

  #taken(
    id: number,
    roll: Roll,
    pieces: CutPieces,
    {
      leaseMs,
      thaws,
      stoodBeforeUs,
    }: Pick<TakeOptions, 'leaseMs' | 'thaws'> & { readonly stoodBeforeUs: number },
  ): HeldCut {
    const { memory, control, cuts, freezer, fills } = this.#parts;
    const { members, markedUs } = roll;
    const { frozenUs, takenUs } = cuts.times;
    const held = {
      tasks: members.length,
      mms: cuts.mms,
      timing: { freezeUs: frozenUs - markedUs, snapshotUs: takenUs - frozenUs },
      markedUs,
      leaseMs,
      pieces,
      freezeUser: () => freezer.keep(roll),
      letGo: () => {
        // The cpus have done it, and what they say stays until the next cut: those come one after the other.
        if (thaws) return stoodBeforeUs + cuts.times.thawedUs - markedUs;
        cuts.letGo(id);
        freezer.release(roll);
        const stoodStillUs = stoodBeforeUs + monotonicUs() - markedUs;
        // Also those on which nobody is left to run: they sleep, and have something to tell.
        for (const cpu of roll.cpus) control.ring(cpu, IRQ.THAW);
        return stoodStillUs;
      },
      giveBack: (snapshots: readonly Int32Array[]) => this.#giveBack(snapshots),
    };
    return new HeldCut(held, async (released) => {
      const assembly = new CutAssembly(roll, memory.handle.arenas);
      for (const piece of await pieces.all) assembly.add(piece);
      const tree = await assembly.tree(this.#versions);
      await awaitMemory(memory, fills, tree, released);
      return tree;
    });
  }

  /** A signal that was sent and not acted on would be lost: an image has no place for it. @throws ETIMEDOUT */
  async #putOff(pid: number, deadlineUs: number): Promise<void> {
    if (monotonicUs() > deadlineUs)
      throw new CkptError(
        'ETIMEDOUT',
        `task ${pid} was about to end by a signal, or had just come, until the time was up; try again`,
        { pid },
      );
    await sleep(LOOK_AGAIN_MS);
  }

  /** @throws ETIMEDOUT a tick, or taking snapshots, took longer; EPIPE a cpu has died */
  async #outcome(roll: Roll, deadlineUs: number): Promise<CutOutcome> {
    const { table, cuts, freezer } = this.#parts;
    for (;;) {
      const outcome = cuts.wait(PATIENCE_MS);
      if (outcome !== undefined) return outcome;
      if (this.#failure !== undefined) throw this.#failure;
      if (monotonicUs() > deadlineUs && table.locked(() => cuts.cancelLocked())) {
        const straggler = freezer.straggler(roll);
        if (straggler === undefined)
          throw new CkptError('ETIMEDOUT', 'a cpu did not take its snapshots in time');
        const message = `task ${straggler} did not reach a safe point in time`;
        throw new CkptError('ETIMEDOUT', message, { pid: straggler });
      }
      await sleep(LOOK_AGAIN_MS);
    }
  }

  #thaw(rootPid: number): void {
    const { freezer, table } = this.#parts;
    const slot = table.find(rootPid);
    if (slot === undefined || table.get(slot, SLOT.STATE) === STATE.ZOMBIE) return;
    freezer.thaw(subtrees([rootPid]));
  }

  #giveBack(snapshots: readonly Int32Array[]): void {
    for (const leaves of snapshots) PageTable.release(this.#parts.memory, leaves);
  }
}
