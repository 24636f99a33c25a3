import { CkptError } from '@ckptree/errors';
import { Lock } from '../lock.js';
import { PidMap } from './pid-map.js';
import { COMM_BYTES, FLAG, KERNEL_SLOT, SLOT, SLOT_WORDS, STATE } from './slot.js';
import { TaskLinks } from './task-links.js';
import { truncateUtf8 } from './truncate-utf8.js';

/** Words of the table's head. */
const HEAD = {
  LOCK: 0,
  FREE_LIST: 1,
  USED: 2,
  LIVE: 3,
  /** Low and high word: a machine that runs for months ends more tasks than one can count. */
  ENDED: 4,
  CHANGES: 6,
  WAKE_HEADS: 8,
} as const;
const MAX_CPUS = 64;
const HEAD_WORDS = HEAD.WAKE_HEADS + MAX_CPUS;

export interface ProcessTableHandle {
  /** Shared by all threads; of a copy, for whoever has it alone. */
  readonly words: ArrayBufferLike;
  readonly slotOfPid: SharedArrayBuffer;
}

export interface NewTask {
  /** 0: any free one. */
  readonly pid: number;
  readonly comm: string;
  readonly parent: number;
  readonly cpu: number;
  readonly ppid: number;
  /** 0: its own pid. */
  readonly tgid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly exitSignal: number;
  /** What it is sent when its parent ends; absent: nothing. */
  readonly pdeathSignal?: number;
  readonly flags: number;
  /** Pid of the root of its tree; without it that of its parent's tree, or its own below the kernel. */
  readonly tree?: number;
}

/**
 * The process table, in memory that all threads share: identities, the tree, states, and the flags by which the
 * freezer stops a task. One lock (Linux: `tasklist_lock`) guards structure: everything but `FLAGS`, which is read and
 * changed atomically, and `TICKS`. Methods named `...Locked` want the lock held.
 */
export class ProcessTable {
  readonly handle: ProcessTableHandle;
  readonly #head: Int32Array;
  /** The word at `HEAD.ENDED`. */
  readonly #ended: BigInt64Array;
  readonly #slots: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #pids: PidMap;
  readonly #lock: Lock;
  /** To be read; it is changed by addLocked(), moveLocked() and releaseLocked(). */
  readonly links: TaskLinks;
  readonly capacity: number;

  constructor(handle: ProcessTableHandle) {
    this.handle = handle;
    this.#head = new Int32Array(handle.words, 0, HEAD_WORDS);
    this.#ended = new BigInt64Array(handle.words, HEAD.ENDED * 4, 1);
    this.#slots = new Int32Array(handle.words, HEAD_WORDS * 4);
    this.#bytes = new Uint8Array(handle.words, HEAD_WORDS * 4);
    this.#pids = new PidMap(handle.slotOfPid);
    this.#lock = new Lock(this.#head, HEAD.LOCK);
    this.links = new TaskLinks(this.#slots);
    this.capacity = this.#slots.length / SLOT_WORDS;
  }

  static create(capacity: number): ProcessTable {
    const words = new SharedArrayBuffer((HEAD_WORDS + (capacity + 1) * SLOT_WORDS) * 4);
    const table = new ProcessTable({ words, slotOfPid: PidMap.create() });
    table.#head[HEAD.USED] = 1; // slot 0 is the kernel
    return table;
  }

  /** Runs `section` with the table's lock held. */
  locked<Result>(section: () => Result): Result {
    return this.#lock.hold(section);
  }

  get(slot: number, word: number): number {
    return this.#slots[slot * SLOT_WORDS + word]!;
  }

  set(slot: number, word: number, value: number): void {
    this.#slots[slot * SLOT_WORDS + word] = value;
  }

  /** Atomic and sequentially consistent: the freezer's protocol (see freezer.ts) relies on the order. */
  flags(slot: number): number {
    return Atomics.load(this.#slots, slot * SLOT_WORDS + SLOT.FLAGS);
  }

  /** @returns the flags as they were before */
  raise(slot: number, flags: number): number {
    return Atomics.or(this.#slots, slot * SLOT_WORDS + SLOT.FLAGS, flags);
  }

  /** @returns the flags as they were before */
  clear(slot: number, flags: number): number {
    return Atomics.and(this.#slots, slot * SLOT_WORDS + SLOT.FLAGS, ~flags);
  }

  comm(slot: number): string {
    const start = (slot * SLOT_WORDS + SLOT.COMM) * 4;
    const bytes = Buffer.from(this.#bytes.subarray(start, start + COMM_BYTES));
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end < 0 ? COMM_BYTES : end);
  }

  setComm(slot: number, comm: string): void {
    const start = (slot * SLOT_WORDS + SLOT.COMM) * 4;
    const field = this.#bytes.subarray(start, start + COMM_BYTES).fill(0);
    field.set(truncateUtf8(comm, COMM_BYTES - 1));
  }

  digest(slot: number): Uint8Array {
    const start = (slot * SLOT_WORDS + SLOT.DIGEST) * 4;
    return this.#bytes.slice(start, start + 16);
  }

  setDigest(slot: number, digest: Uint8Array): void {
    this.#bytes.set(digest, (slot * SLOT_WORDS + SLOT.DIGEST) * 4);
  }

  /** Executed ticks. Its cpu is the only writer, so a reader on another thread may see a recent value. */
  ticks(slot: number): number {
    return (this.get(slot, SLOT.TICKS) >>> 0) + this.get(slot, SLOT.TICKS + 1) * 2 ** 32;
  }

  setTicks(slot: number, ticks: number): void {
    this.set(slot, SLOT.TICKS, ticks | 0);
    this.set(slot, SLOT.TICKS + 1, Math.floor(ticks / 2 ** 32));
  }

  /** Tasks that have not ended. */
  get liveTasks(): number {
    return Atomics.load(this.#head, HEAD.LIVE);
  }

  /** Tasks that have ended since the table was made. */
  get endedTasks(): number {
    return Number(Atomics.load(this.#ended, 0));
  }

  /** As long as it stays the same, no task that is flagged for a cut has come, ended, gone, or got a signal or another parent. Wraps around. */
  get versionLocked(): number {
    return this.#head[HEAD.CHANGES]!;
  }

  /** A copy of the whole table, to ask later about this instant. */
  copy(): ProcessTableHandle {
    const bytes = (HEAD_WORDS + this.#head[HEAD.USED]! * SLOT_WORDS) * 4;
    // No shared memory: making some takes longer than filling it.
    return { ...this.handle, words: new Uint8Array(this.handle.words, 0, bytes).slice().buffer };
  }

  /** The slot of a pid, or undefined. */
  find(pid: number): number | undefined {
    return this.#pids.find(pid);
  }

  /** @throws EEXIST the pid is taken; EAGAIN the table is full or pids are used up; EINVAL no valid pid */
  addLocked(task: NewTask): number {
    if (task.pid !== 0) this.#pids.checkFree(task.pid);
    const pid = task.pid || this.#pids.next();
    const slot = this.#freeSlot();
    this.#slots.fill(0, slot * SLOT_WORDS, (slot + 1) * SLOT_WORDS);
    this.#pids.set(pid, slot);
    this.set(slot, SLOT.PID, pid);
    this.set(slot, SLOT.PPID, task.ppid);
    this.set(slot, SLOT.TGID, task.tgid || pid);
    this.set(slot, SLOT.PGID, task.pgid || pid);
    this.set(slot, SLOT.SID, task.sid || pid);
    this.set(slot, SLOT.STATE, STATE.LIVE);
    this.set(slot, SLOT.EXIT_SIGNAL, task.exitSignal);
    this.set(slot, SLOT.PDEATH_SIGNAL, task.pdeathSignal ?? 0);
    this.set(slot, SLOT.CPU, task.cpu);
    this.set(
      slot,
      SLOT.TREE,
      task.tree ?? (task.parent === KERNEL_SLOT ? pid : this.get(task.parent, SLOT.TREE)),
    );
    this.raise(slot, task.flags);
    this.setComm(slot, task.comm);
    this.links.add(slot, task.parent);
    this.#noteChange(slot);
    Atomics.add(this.#head, HEAD.LIVE, 1);
    return slot;
  }

  /** A task that has ended elsewhere, before its tree was restarted here. */
  addZombieLocked(task: NewTask, status: number, digest: Uint8Array): number {
    const slot = this.addLocked(task);
    Atomics.sub(this.#head, HEAD.LIVE, 1);
    this.#becomeZombie(slot, status, digest);
    return slot;
  }

  /** Takes a task back that has never run. */
  withdrawLocked(slot: number): void {
    if (this.get(slot, SLOT.STATE) !== STATE.ZOMBIE) Atomics.sub(this.#head, HEAD.LIVE, 1);
    this.releaseLocked(slot);
  }

  /** Takes an ended task out of the tree and forgets it. */
  releaseLocked(slot: number): void {
    this.#noteChange(slot);
    this.links.remove(slot);
    this.#pids.delete(this.get(slot, SLOT.PID));
    this.set(slot, SLOT.STATE, STATE.FREE);
    this.set(slot, SLOT.NEXT, this.#head[HEAD.FREE_LIST]!);
    this.#head[HEAD.FREE_LIST] = slot;
  }

  /** Hangs a task below another parent, as its last child. */
  moveLocked(slot: number, parent: number): void {
    this.#noteChange(slot);
    this.links.remove(slot);
    this.links.add(slot, parent);
  }

  /** Makes a task a zombie. What that means for its relatives, exit.ts says. */
  endLocked(slot: number, status: number, digest: Uint8Array): void {
    this.#noteChange(slot);
    this.#forgetWake(slot);
    Atomics.sub(this.#head, HEAD.LIVE, 1);
    Atomics.add(this.#ended, 0, 1n);
    this.#becomeZombie(slot, status, digest);
  }

  /** Puts a task on its cpu's wake queue. @returns whether its cpu must be told */
  wakeLocked(slot: number): boolean {
    if (slot === KERNEL_SLOT || this.get(slot, SLOT.STATE) === STATE.ZOMBIE) return false;
    if ((this.raise(slot, FLAG.WAKING) & FLAG.WAKING) !== 0) return false;
    const head = HEAD.WAKE_HEADS + this.get(slot, SLOT.CPU);
    this.set(slot, SLOT.WAKE_NEXT, this.#head[head]!);
    this.#head[head] = slot;
    return true;
  }

  /** Empties a cpu's wake queue. */
  takeWokenLocked(cpu: number): number[] {
    const woken: number[] = [];
    const head = HEAD.WAKE_HEADS + cpu;
    for (let slot = this.#head[head]!; slot !== 0; slot = this.get(slot, SLOT.WAKE_NEXT)) {
      this.clear(slot, FLAG.WAKING);
      woken.push(slot);
    }
    this.#head[head] = 0;
    return woken;
  }

  /** Marks a signal pending; a fatal one stays until it is acted on. @returns whether its cpu must be told */
  signalLocked(slot: number, signal: number): boolean {
    if (this.get(slot, SLOT.STATE) === STATE.ZOMBIE) return false;
    this.#noteChange(slot);
    this.set(slot, SLOT.SIGNAL, signal);
    this.raise(slot, FLAG.SIGNALLED);
    return this.wakeLocked(slot);
  }

  /**
   * The leader of a task's thread group; itself for most, and for a thread whose leader has gone. A thread hangs below
   * its leader, so that is looked at: another task may have the number of the group by now.
   */
  leaderLocked(slot: number): number {
    const parent = this.get(slot, SLOT.PARENT);
    return parent !== KERNEL_SLOT && this.get(slot, SLOT.TGID) === this.get(parent, SLOT.PID) ? parent : slot;
  }

  /** Every task's slot, in no order that means anything. */
  slotsLocked(): number[] {
    const used = this.#head[HEAD.USED]!;
    const slots: number[] = [];
    for (let slot = 1; slot < used; slot++) if (this.get(slot, SLOT.STATE) !== STATE.FREE) slots.push(slot);
    return slots;
  }

  /** Takes a task out of its cpu's wake queue: its slot may be another's before the cpu looks. */
  #forgetWake(slot: number): void {
    if ((this.clear(slot, FLAG.WAKING) & FLAG.WAKING) === 0) return;
    const next = this.get(slot, SLOT.WAKE_NEXT);
    const head = HEAD.WAKE_HEADS + this.get(slot, SLOT.CPU);
    let before = this.#head[head]!;
    if (before === slot) {
      this.#head[head] = next;
      return;
    }
    while (this.get(before, SLOT.WAKE_NEXT) !== slot) before = this.get(before, SLOT.WAKE_NEXT);
    this.set(before, SLOT.WAKE_NEXT, next);
  }

  #becomeZombie(slot: number, status: number, digest: Uint8Array): void {
    this.set(slot, SLOT.STATE, STATE.ZOMBIE);
    this.set(slot, SLOT.EXIT_STATUS, status);
    this.setDigest(slot, digest);
  }

  #noteChange(slot: number): void {
    if ((this.flags(slot) & FLAG.FREEZE_CUT) !== 0) this.#head[HEAD.CHANGES]!++;
  }

  #freeSlot(): number {
    const reused = this.#head[HEAD.FREE_LIST]!;
    if (reused !== 0) {
      this.#head[HEAD.FREE_LIST] = this.get(reused, SLOT.NEXT);
      return reused;
    }
    const fresh = this.#head[HEAD.USED]!;
    if (fresh >= this.capacity)
      throw new CkptError('EAGAIN', `the process table is full: ${this.capacity - 1} tasks`);
    this.#head[HEAD.USED] = fresh + 1;
    return fresh;
  }
}
