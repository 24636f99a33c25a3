import type { CutPiece } from '../cpu/messages.js';

interface Settle {
  readonly done: (pieces: readonly CutPiece[]) => void;
  readonly failed: (error: Error) => void;
}

/**
 * What the cpus saw of a cut, as they tell it. The pieces own the snapshots in them until they are handed over; of a cut
 * that was discarded, snapshots are given back as they come in.
 */
export class CutPieces {
  /** All of them. */
  readonly all: Promise<readonly CutPiece[]>;
  readonly #giveBack: (snapshots: readonly Int32Array[]) => void;
  readonly #settle: Settle;
  readonly #received: CutPiece[] = [];
  /** Cpus that have not told all that they saw. */
  #awaited = 0;
  #discarded = false;

  constructor(giveBack: (snapshots: readonly Int32Array[]) => void) {
    this.#giveBack = giveBack;
    let settle: Settle | undefined;
    this.all = new Promise((done, failed) => {
      settle = { done, failed };
    });
    this.#settle = settle!;
    // Whoever waits for the pieces hears of it; until then nobody does.
    this.all.catch(() => undefined);
  }

  /** So many cpus will tell; none has yet. */
  expect(cpus: number): void {
    this.#awaited = cpus;
  }

  /** Nothing more will come. */
  get isComplete(): boolean {
    return this.#awaited === 0;
  }

  receive(piece: CutPiece): void {
    if (piece.last) this.#awaited--;
    if (this.#discarded) return this.#giveBack(leavesOf(piece));
    this.#received.push(piece);
    if (this.#awaited === 0) this.#settle.done(this.#received);
  }

  /** From now on somebody else owns the snapshots. */
  handOver(): void {
    this.#received.length = 0;
  }

  /** Gives the snapshots back; whoever waits for them is told why. */
  discard(why: Error): void {
    this.#discarded = true;
    this.#settle.failed(why);
    this.#giveBack(this.#received.splice(0).flatMap(leavesOf));
  }
}

/** The snapshots in a piece. */
export const leavesOf = ({ mms }: CutPiece): Int32Array[] => mms.map(({ leaves }) => leaves);
