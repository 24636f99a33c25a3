/** Interrupts of a cpu: bits of its request word, which it looks at between two ticks. */
export const IRQ = {
  /** Messages wait at its ports. */
  MESSAGE: 1,
  /** Its wake queue is not empty. */
  WAKE: 2,
  /** The freezer wants the running task to stand still; looking up is enough. */
  FREEZE: 4,
  /** Stand still for a cut. */
  CUT: 64,
  /** Take the snapshots of a cut: all of it stands still. */
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
const SHARED = { NEXT_MM: 0, NEXT_TABLE: 1 } as const;
const SHARED_WORDS = Object.keys(SHARED).length;

/** `current` of a cpu that runs no task. */
export const IDLE = 0;

/**
 * How threads talk to cpus without messages: interrupt requests, which task each one runs, and how many it has to run.
 * A cpu owns its `current` and `load`.
 */
export class CpuControl {
  readonly handle: SharedArrayBuffer;
  readonly cpus: number;
  readonly #words: Int32Array;
  readonly #shared: number;

  constructor(handle: SharedArrayBuffer) {
    this.handle = handle;
    this.#words = new Int32Array(handle);
    this.cpus = (this.#words.length - SHARED_WORDS) / CPU_WORDS;
    this.#shared = this.cpus * CPU_WORDS;
  }

  static create(cpus: number): CpuControl {
    return new CpuControl(new SharedArrayBuffer((cpus * CPU_WORDS + SHARED_WORDS) * 4));
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

  /** Whether an interrupt was requested that was not taken yet. */
  isAskedFor(cpu: number, irq: number): boolean {
    return (Atomics.load(this.#words, cpu * CPU_WORDS + WORD.IRQ) & irq) !== 0;
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

  /** A number for a new address space, and for a new descriptor table; unique among all cpus. */
  nextMmId(): number {
    return Atomics.add(this.#words, this.#shared + SHARED.NEXT_MM, 1) + 1;
  }

  nextTableId(): number {
    return Atomics.add(this.#words, this.#shared + SHARED.NEXT_TABLE, 1) + 1;
  }
}
