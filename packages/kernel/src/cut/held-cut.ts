import { CkptError } from '@ckptree/errors';
import type { Mm, TaskTree } from '@ckptree/model';
import { monotonicUs } from './cut-control.js';
import type { CutPieces } from './cut-pieces.js';

/** How long freezing and snapshotting took, in microseconds. */
export interface HoldTiming {
  readonly freezeUs: number;
  readonly snapshotUs: number;
}

export interface Resumed {
  /**
   * From when the first was told to stand still until every task might run again, in microseconds: the longest that any did. When the cut
   * was put off meanwhile, without the time between.
   */
  readonly stoodStillUs: number;
  /** The tasks were let go because the lease had ended, and not because somebody said so. */
  readonly leaseEnded: boolean;
}

export interface HeldCutParts {
  /** Tasks of the cut, zombies included; address spaces. */
  readonly tasks: number;
  readonly mms: number;
  readonly timing: HoldTiming;
  /** When the first task was told to stand still, by monotonicUs(). */
  readonly markedUs: number;
  /** How long after that the tasks are let go at the latest; none: when they are told to. */
  readonly leaseMs: number | undefined;
  readonly pieces: CutPieces;
  /** Sets the freeze flag of people, and clears that of the cut. */
  readonly freezeUser: () => void;
  /** @returns how long the tasks have stood still, in microseconds */
  readonly letGo: () => number;
  readonly giveBack: (snapshots: readonly Int32Array[]) => void;
}

/**
 * A cut whose tasks still stand still. They do until `resume()`, or until the lease ends: whoever asked for the cut may be
 * gone. Only then is told what the cut has seen: putting that together costs the tasks nothing.
 */
export class HeldCut {
  /** Tasks of the cut, zombies included. */
  readonly tasks: number;
  /** Address spaces. */
  readonly mms: number;
  readonly timing: HoldTiming;
  /**
   * What was there at the cut, from some time after `resume()` on.
   * @throws ENOENT an open file has gone from the host; EINTR the cut was released before
   */
  readonly tree: Promise<TaskTree>;
  readonly #parts: HeldCutParts;
  readonly #lease: NodeJS.Timeout | undefined;
  #resumed: Resumed | undefined;
  readonly #released = new AbortController();
  /** Address spaces whose snapshots were not given back. */
  readonly #held = new Set<Mm>();

  /** @param assemble puts the pieces together, when they are there; need not go on when the cut is released */
  constructor(parts: HeldCutParts, assemble: (released: AbortSignal) => Promise<TaskTree>) {
    this.#parts = parts;
    this.tasks = parts.tasks;
    this.mms = parts.mms;
    this.timing = parts.timing;
    const { leaseMs, markedUs } = parts;
    if (leaseMs !== undefined) {
      const leftMs = leaseMs - (monotonicUs() - markedUs) / 1e3;
      this.#lease = setTimeout(() => this.#letGo(true), leftMs).unref();
    }
    this.tree = this.#assemble(assemble);
    // Whoever asks for the tree hears of it; perhaps nobody does.
    this.tree.catch(() => undefined);
  }

  /**
   * Lets the tasks run on, unless people have frozen them. Told twice, it answers the same again.
   * @param options `leaveFrozen`: leave them frozen as by `Kernel.freeze()`
   */
  resume({ leaveFrozen = false }: { readonly leaveFrozen?: boolean } = {}): Resumed {
    if (this.#resumed === undefined && leaveFrozen) this.#parts.freezeUser();
    return this.#letGo(false);
  }

  /** Gives back the snapshot of one address space; its `memory` must not be read again. */
  releaseMm(mm: Mm): void {
    if (this.#held.delete(mm)) this.#parts.giveBack([mm.memory.leaves]);
  }

  /** Gives back every snapshot that is left, and lets the tasks run if they do not. */
  release(): void {
    this.#letGo(false);
    this.#released.abort();
    this.#parts.pieces.discard(new CkptError('EINTR', 'the cut was released'));
    for (const mm of [...this.#held]) this.releaseMm(mm);
  }

  #letGo(leaseEnded: boolean): Resumed {
    if (this.#resumed !== undefined) return this.#resumed;
    clearTimeout(this.#lease);
    this.#resumed = { stoodStillUs: this.#parts.letGo(), leaseEnded };
    return this.#resumed;
  }

  async #assemble(assemble: (released: AbortSignal) => Promise<TaskTree>): Promise<TaskTree> {
    const { pieces } = this.#parts;
    try {
      const tree = await assemble(this.#released.signal);
      if (this.#released.signal.aborted) throw new CkptError('EINTR', 'the cut was released');
      pieces.handOver();
      for (const { mm } of tree.tasks) if (mm !== undefined) this.#held.add(mm);
      return tree;
    } catch (error) {
      pieces.discard(error as Error);
      throw error;
    }
  }
}
