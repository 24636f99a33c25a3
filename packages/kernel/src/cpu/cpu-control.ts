/** Interrupts of a cpu: bits of its request word, which it looks at between two ticks. */
export const IRQ = {
  /** Messages wait at its ports. */
  MESSAGE: 1,
  /** Its wake queue is not empty. */
  WAKE: 2,
  /** The freezer wants the running task to stand still; looking up is enough. */
  FREEZE: 4,
  /** Take the snapshots of a cut. */
  SNAPSHOT: 8,
  /** Tasks that were frozen may run. */
  THAW: 16,
  /** End the thread. */
  STOP: 32,
} as const;

const WORD = { IRQ: 0, CURRENT: 1, LOAD: 2 } as const;
/** One cache line a cpu, so that cpus do not slow each other down. */
const CPU_WORDS = 16;
/** Words that all cpus share, behind theirs. */
const SHARED = {
  PENDING_SNAPSHOTS: 0,
  MEMBERS: 1,
  NEXT_MM: 2,
  NEXT_TABLE: 3,
  CUT: 4,
  MMS: 5,
  HELD: 8,
} as const;
/** Cuts that can be held at the same time without being told of meanwhile. */
const MAX_HELD = 8;
const SHARED_WORDS = SHARED.HELD + MAX_HELD;

/** `current` of a cpu that runs no task. */
export const IDLE = 0;

export interface CpuControlHandle {
  readonly words: SharedArrayBuffer;
  readonly members: SharedArrayBuffer;
}

/**
 * How threads talk to cpus without messages: interrupt requests, which task each one runs, how many it has to run,
 * and the state of the cut under way. The main thread owns cuts; a cpu owns its `current` and `load`.
 */
export class CpuControl {
  readonly handle: CpuControlHandle;
  readonly cpus: number;
  readonly #words: Int32Array;
  readonly #shared: number;
  readonly #members: Int32Array;

  constructor(handle: CpuControlHandle) {
    this.handle = handle;
    this.#words = new Int32Array(handle.words);
    this.cpus = (this.#words.length - SHARED_WORDS) / CPU_WORDS;
    this.#shared = this.cpus * CPU_WORDS;
    this.#members = new Int32Array(handle.members);
  }

  static create(cpus: number, maxTasks: number): CpuControl {
    return new CpuControl({
      words: new SharedArrayBuffer((cpus * CPU_WORDS + SHARED_WORDS) * 4),
      members: new SharedArrayBuffer(maxTasks * 4),
    });
  }

  /** Requests interrupts. A cpu that sleeps wakes; one that runs sees them before its next tick. */
  ring(cpu: number, irq: number): void {
    const index = cpu * CPU_WORDS + WORD.IRQ;
    // Sequentially consistent: what was written before the ring is seen by whoever takes the request.
    Atomics.or(this.#words, index, irq);
    Atomics.notify(this.#words, index);
  }

  ringAll(irq: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) this.ring(cpu, irq);
  }

  /** The requests of a cpu, cleared in the same step so that none is lost. */
  takeIrq(cpu: number): number {
    return Atomics.exchange(this.#words, cpu * CPU_WORDS + WORD.IRQ, 0);
  }

  hasIrq(cpu: number): boolean {
    return Atomics.load(this.#words, cpu * CPU_WORDS + WORD.IRQ) !== 0;
  }

  /** Sleeps until there is a request. */
  waitIrq(cpu: number, timeoutMs: number): void {
    Atomics.wait(this.#words, cpu * CPU_WORDS + WORD.IRQ, 0, timeoutMs);
  }

  /** Which slot a cpu runs, or is about to look at. */
  current(cpu: number): number {
    return Atomics.load(this.#words, cpu * CPU_WORDS + WORD.CURRENT);
  }

  /**
   * Announces the task that is about to run. Sequentially consistent and before the flags are read: either the
   * freezer, which writes flags and then reads `current`, sees the announcement, or the cpu sees the flags.
   */
  enter(cpu: number, slot: number): void {
    Atomics.store(this.#words, cpu * CPU_WORDS + WORD.CURRENT, slot);
  }

  /** The task is at a safe point. */
  leave(cpu: number): void {
    const index = cpu * CPU_WORDS + WORD.CURRENT;
    Atomics.store(this.#words, index, IDLE);
    // Only the freezer waits here, and it has rung before; without a request there is nobody to tell.
    if (this.hasIrq(cpu)) Atomics.notify(this.#words, index);
  }

  /** Waits on this thread until a cpu no longer runs `slot`. @returns whether it has left */
  waitLeft(cpu: number, slot: number, timeoutMs: number): boolean {
    const index = cpu * CPU_WORDS + WORD.CURRENT;
    const deadline = performance.now() + timeoutMs;
    while (Atomics.load(this.#words, index) === slot) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      // A cpu that looked for a request just before the ring may leave without a notification: look again soon.
      Atomics.wait(this.#words, index, slot, Math.min(left, 1));
    }
    return true;
  }

  /** How many tasks a cpu could run now. Balancing reads it; being a little late does no harm. */
  load(cpu: number): number {
    return Atomics.load(this.#words, cpu * CPU_WORDS + WORD.LOAD);
  }

  addLoad(cpu: number, tasks: number): void {
    Atomics.add(this.#words, cpu * CPU_WORDS + WORD.LOAD, tasks);
  }

  /** The cpu with least to do; `preferred` when it is no worse. */
  leastLoaded(preferred: number): number {
    let best = preferred;
    for (let cpu = 0; cpu < this.cpus; cpu++) if (this.load(cpu) < this.load(best)) best = cpu;
    return best;
  }

  /** Main thread: publishes the tasks of a cut and how many cpus have to snapshot theirs. */
  beginCut(cut: number, members: readonly number[], cpus: number): void {
    this.#members.set(members);
    Atomics.store(this.#words, this.#shared + SHARED.MEMBERS, members.length);
    Atomics.store(this.#words, this.#shared + SHARED.CUT, cut);
    Atomics.store(this.#words, this.#shared + SHARED.MMS, 0);
    Atomics.store(this.#words, this.#shared + SHARED.PENDING_SNAPSHOTS, cpus);
  }

  /** A cpu: the cut under way. */
  cut(): { readonly id: number; readonly members: Int32Array } {
    const count = Atomics.load(this.#words, this.#shared + SHARED.MEMBERS);
    return {
      id: Atomics.load(this.#words, this.#shared + SHARED.CUT),
      members: this.#members.subarray(0, count),
    };
  }

  /** Main thread: nothing is to be told of a cut as long as it is held; with too many of them, it is told at once. */
  hold(cut: number): void {
    for (let place = 0; place < MAX_HELD; place++)
      if (Atomics.compareExchange(this.#words, this.#shared + SHARED.HELD + place, 0, cut) === 0) return;
  }

  /** Main thread: the cpus may tell what they saw; ring them. */
  letGo(cut: number): void {
    for (let place = 0; place < MAX_HELD; place++)
      Atomics.compareExchange(this.#words, this.#shared + SHARED.HELD + place, cut, 0);
  }

  isHeld(cut: number): boolean {
    for (let place = 0; place < MAX_HELD; place++)
      if (Atomics.load(this.#words, this.#shared + SHARED.HELD + place) === cut) return true;
    return false;
  }

  /** A cpu: its snapshots are taken, of so many address spaces. The decrement publishes all that it wrote before. */
  snapshotTaken(mms: number): void {
    Atomics.add(this.#words, this.#shared + SHARED.MMS, mms);
    Atomics.sub(this.#words, this.#shared + SHARED.PENDING_SNAPSHOTS, 1);
    Atomics.notify(this.#words, this.#shared + SHARED.PENDING_SNAPSHOTS);
  }

  /** Main thread: of how many address spaces the cpus have taken snapshots. */
  get snapshottedMms(): number {
    return Atomics.load(this.#words, this.#shared + SHARED.MMS);
  }

  /** Main thread: waits until every cpu has taken its snapshots. @returns whether they all have */
  waitSnapshots(timeoutMs: number): boolean {
    const index = this.#shared + SHARED.PENDING_SNAPSHOTS;
    const deadline = performance.now() + timeoutMs;
    for (let left = Atomics.load(this.#words, index); left !== 0; left = Atomics.load(this.#words, index)) {
      const time = deadline - performance.now();
      if (time <= 0) return false;
      Atomics.wait(this.#words, index, left, time);
    }
    return true;
  }

  /** A number for a new address space, and for a new descriptor table; unique among all cpus. */
  nextMmId(): number {
    return Atomics.add(this.#words, this.#shared + SHARED.NEXT_MM, 1) + 1;
  }

  nextTableId(): number {
    return Atomics.add(this.#words, this.#shared + SHARED.NEXT_TABLE, 1) + 1;
  }
}
