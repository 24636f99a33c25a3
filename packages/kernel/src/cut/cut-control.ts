/** How far the cut under way is. */
const STATE = {
  NONE: 0,
  /** Not all of its cpus stand still. */
  GATHERING: 1,
  /** All of them do. */
  SNAPSHOTTING: 2,
  /** All snapshots are taken; the cpu that took the last one does the rest. */
  CONCLUDING: 3,
  TAKEN: 4,
  CHANGED: 5,
} as const;

const WORD = {
  STATE: 0,
  CUT: 1,
  AWAITED: 2,
  CPUS: 3,
  MEMBERS: 4,
  VERSION: 5,
  THAWS: 6,
  MMS: 7,
  HELD: 8,
} as const;
/** Cuts that can be held at the same time without being told of meanwhile. */
const MAX_HELD = 8;
/** For each cpu, behind the words of all: the last cut that it is asked for, stood still for, and took snapshots for. */
const CPU_WORDS = 3;
const CPU_WORD = { ASKED: 0, STANDS: 1, DONE: 2 } as const;
const SHARED_WORDS = WORD.HELD + MAX_HELD;

/** So often the main thread looks by itself, milliseconds. */
const LOOK_MS = 0.25;

const TIME = { FROZEN: 0, TAKEN: 1, THAWED: 2 } as const;

/** What came of a cut: it is there, or the tree was not the same any more when all of it stood still. */
export type CutOutcome = 'taken' | 'changed';

export interface CutControlHandle {
  readonly words: SharedArrayBuffer;
  readonly members: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
}

/** What the main thread asks the cpus for. */
export interface CutRequest {
  /** From 1, never used before. */
  readonly id: number;
  /** Slots, depth-first. */
  readonly members: readonly number[];
  /** That host living tasks among them. */
  readonly cpus: ReadonlySet<number>;
  /** Of the process table, when the members were looked up. */
  readonly version: number;
  /** All of them stand still already. */
  readonly standing: boolean;
  /** The cpus are to let the tasks run as soon as the snapshots are taken. */
  readonly thaws: boolean;
}

/** A cpu's part in a cut. */
export interface CutPart {
  readonly id: number;
  readonly members: Int32Array;
  readonly thaws: boolean;
}

/** In microseconds of a clock that all threads have in common. */
export const monotonicUs = (): number => Number(process.hrtime.bigint()) / 1e3;

/**
 * The cut under way, in memory that all threads share. The main thread begins it, one at a time; from there on the cpus
 * take it by themselves, as each look of another thread at what they do would cost the tasks the time that a thread needs to wake:
 *
 *     GATHERING     each cpu comes to a safe point; the last one sees whether the tree is still what it was
 *     SNAPSHOTTING  each one takes its snapshots; who takes the last one concludes
 *     CONCLUDING    it copies what all share, and lets the tasks run if that is wanted
 *
 * Methods named `...Locked` want the lock of the process table: it makes one step of a comparison of ids and what follows
 * from it, so that a cpu that comes late takes no part in the next cut.
 */
export class CutControl {
  readonly handle: CutControlHandle;
  readonly #words: Int32Array;
  readonly #members: Int32Array;
  readonly #times: Float64Array;

  constructor(handle: CutControlHandle) {
    this.handle = handle;
    this.#words = new Int32Array(handle.words);
    this.#members = new Int32Array(handle.members);
    this.#times = new Float64Array(handle.times);
  }

  static create(cpus: number, maxTasks: number): CutControl {
    return new CutControl({
      words: new SharedArrayBuffer((SHARED_WORDS + cpus * CPU_WORDS) * 4),
      members: new SharedArrayBuffer(maxTasks * 4),
      times: new SharedArrayBuffer(Object.keys(TIME).length * 8),
    });
  }

  /** Main thread: the cpus are to be rung next. */
  beginLocked({ id, members, cpus, version, standing, thaws }: CutRequest): void {
    this.#members.set(members);
    this.#words[WORD.CUT] = id;
    this.#words[WORD.MEMBERS] = members.length;
    this.#words[WORD.CPUS] = cpus.size;
    this.#words[WORD.AWAITED] = cpus.size;
    this.#words[WORD.VERSION] = version;
    this.#words[WORD.THAWS] = thaws ? 1 : 0;
    this.#words[WORD.MMS] = 0;
    for (const cpu of cpus) this.#words[cpuWord(cpu, CPU_WORD.ASKED)] = id;
    this.#settle(standing ? STATE.SNAPSHOTTING : STATE.GATHERING);
  }

  /** Main thread: gives the cut up. @returns false when it is concluded already, or about to be */
  cancelLocked(): boolean {
    if (this.#state > STATE.SNAPSHOTTING) return false;
    this.#words[WORD.CUT] = 0;
    this.#settle(STATE.NONE);
    return true;
  }

  /** Main thread: waits until there is an outcome. @returns undefined when there is none in time */
  wait(timeoutMs: number): CutOutcome | undefined {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const state = this.#state;
      if (state === STATE.TAKEN) return 'taken';
      if (state === STATE.CHANGED) return 'changed';
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      Atomics.wait(
        this.#words,
        WORD.STATE,
        state,
        this.#words[WORD.THAWS] === 1 ? Math.min(left, LOOK_MS) : left,
      );
    }
  }

  /** Main thread, of a cut that is taken: when the last task stood still, and so on; monotonicUs(). */
  get times(): { readonly frozenUs: number; readonly takenUs: number; readonly thawedUs: number } {
    const [frozenUs, takenUs, thawedUs] = this.#times as unknown as [number, number, number];
    return { frozenUs, takenUs, thawedUs };
  }

  /** Main thread, of a cut that is taken: how many address spaces it has. */
  get mms(): number {
    return this.#words[WORD.MMS]!;
  }

  /**
   * A cpu is at a safe point, and runs no task of the cut from here on.
   * @param version of the process table now
   * @returns whether it is the last, and the tree is still what it was: the snapshots are to be taken
   */
  standLocked(cpu: number, version: number): boolean {
    const id = this.#words[WORD.CUT]!;
    const isAwaited =
      this.#state === STATE.GATHERING &&
      this.#words[cpuWord(cpu, CPU_WORD.ASKED)] === id &&
      this.#words[cpuWord(cpu, CPU_WORD.STANDS)] !== id;
    if (!isAwaited) return false;
    this.#words[cpuWord(cpu, CPU_WORD.STANDS)] = id;
    if (--this.#words[WORD.AWAITED]! > 0) return false;
    this.#times[TIME.FROZEN] = monotonicUs();
    const isSame = this.#words[WORD.VERSION] === version;
    this.#words[WORD.AWAITED] = this.#words[WORD.CPUS]!;
    this.#settle(isSame ? STATE.SNAPSHOTTING : STATE.CHANGED);
    return isSame;
  }

  /** The cpus that take part in the cut with one of them, without it. */
  others(cpu: number): number[] {
    const id = this.#words[WORD.CUT];
    const cpus = (this.#words.length - SHARED_WORDS) / CPU_WORDS;
    return Array.from({ length: cpus }, (_, other) => other).filter(
      (other) => other !== cpu && this.#words[cpuWord(other, CPU_WORD.ASKED)] === id,
    );
  }

  /** A cpu: what it is to take snapshots of now; undefined when it has, or nobody wants them. */
  partLocked(cpu: number): CutPart | undefined {
    const id = this.#words[WORD.CUT]!;
    const isWanted =
      this.#state === STATE.SNAPSHOTTING &&
      this.#words[cpuWord(cpu, CPU_WORD.ASKED)] === id &&
      this.#words[cpuWord(cpu, CPU_WORD.DONE)] !== id;
    if (!isWanted) return undefined;
    const members = this.#members.subarray(0, this.#words[WORD.MEMBERS]);
    return { id, members, thaws: this.#words[WORD.THAWS] === 1 };
  }

  /** A cpu has its snapshots, of so many address spaces. @returns whether it is the last, and concludes */
  snapshotTakenLocked(cpu: number, id: number, mms: number): boolean {
    if (this.#state !== STATE.SNAPSHOTTING || this.#words[WORD.CUT] !== id) return false;
    this.#words[cpuWord(cpu, CPU_WORD.DONE)] = id;
    this.#words[WORD.MMS]! += mms;
    if (--this.#words[WORD.AWAITED]! > 0) return false;
    this.#settle(STATE.CONCLUDING);
    return true;
  }

  /** The cpu that concludes: all is kept that is to be kept of the instant. */
  kept(): void {
    this.#times[TIME.TAKEN] = monotonicUs();
  }

  /** The cpu that concludes: it has done what was asked for; the main thread is told. */
  concluded(): void {
    this.#times[TIME.THAWED] = monotonicUs();
    this.#settle(STATE.TAKEN);
  }

  /** Main thread: nothing is to be told of a cut as long as it is held; with too many of them, it is told at once. */
  hold(cut: number): void {
    for (let place = 0; place < MAX_HELD; place++)
      if (Atomics.compareExchange(this.#words, WORD.HELD + place, 0, cut) === 0) return;
  }

  /** Main thread: the cpus may tell what they saw; ring them. */
  letGo(cut: number): void {
    for (let place = 0; place < MAX_HELD; place++)
      Atomics.compareExchange(this.#words, WORD.HELD + place, cut, 0);
  }

  isHeld(cut: number): boolean {
    for (let place = 0; place < MAX_HELD; place++)
      if (Atomics.load(this.#words, WORD.HELD + place) === cut) return true;
    return false;
  }

  get #state(): number {
    return Atomics.load(this.#words, WORD.STATE);
  }

  /**
   * The store publishes all that was written before to whoever sees the state. Only the main thread waits, for an outcome
   * that somebody waits for while the tasks stand still: if they run again, waking it would only cost them time.
   */
  #settle(state: number): void {
    Atomics.store(this.#words, WORD.STATE, state);
    const isAwaited = state === STATE.CHANGED || (state === STATE.TAKEN && this.#words[WORD.THAWS] === 0);
    if (isAwaited) Atomics.notify(this.#words, WORD.STATE);
  }
}

const cpuWord = (cpu: number, word: number): number => SHARED_WORDS + cpu * CPU_WORDS + word;
