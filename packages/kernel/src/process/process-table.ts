import { CkptError } from '@ckptree/errors';
import { SIGCHLD } from '@ckptree/model';
import { Lock } from '../lock.js';
import type { Reaper } from './reaper.js';
import { COMM_BYTES, FLAG, KERNEL_SLOT, PID_MAX, SIGKILL, SLOT, SLOT_WORDS, STATE } from './slot.js';
import { truncateUtf8 } from './truncate-utf8.js';

/** Words of the table's head. */
const HEAD = {
  LOCK: 0,
  FREE_LIST: 1,
  USED: 2,
  NEXT_PID: 3,
  LIVE: 4,
  ENDED: 5,
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
  readonly #slots: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slotOfPid: Int32Array;
  readonly #lock: Lock;
  readonly capacity: number;

  constructor(handle: ProcessTableHandle) {
    this.handle = handle;
    this.#head = new Int32Array(handle.words, 0, HEAD_WORDS);
    this.#slots = new Int32Array(handle.words, HEAD_WORDS * 4);
    this.#bytes = new Uint8Array(handle.words, HEAD_WORDS * 4);
    this.#slotOfPid = new Int32Array(handle.slotOfPid);
    this.#lock = new Lock(this.#head, HEAD.LOCK);
    this.capacity = this.#slots.length / SLOT_WORDS;
  }

  static create(capacity: number): ProcessTable {
    const words = new SharedArrayBuffer((HEAD_WORDS + (capacity + 1) * SLOT_WORDS) * 4);
    const slotOfPid = new SharedArrayBuffer(PID_MAX * 4);
    const table = new ProcessTable({ words, slotOfPid });
    table.#head[HEAD.USED] = 1; // slot 0 is the kernel
    table.#head[HEAD.NEXT_PID] = 1;
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
    return Atomics.load(this.#head, HEAD.ENDED);
  }

  /** As long as it stays the same, no task that is flagged for a cut has come, ended, gone, or got another parent. Wraps around. */
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
    const slot = pid > 0 && pid < PID_MAX ? this.#slotOfPid[pid]! : 0;
    return slot === 0 ? undefined : slot;
  }

  /** @throws EEXIST the pid is taken; EAGAIN the table is full or pids are used up; EINVAL no valid pid */
  addLocked(task: NewTask): number {
    const pid = task.pid === 0 ? this.#freePid() : this.#claimablePid(task.pid);
    const slot = this.#freeSlot();
    this.#slots.fill(0, slot * SLOT_WORDS, (slot + 1) * SLOT_WORDS);
    this.#slotOfPid[pid] = slot;
    this.set(slot, SLOT.PID, pid);
    this.set(slot, SLOT.PPID, task.ppid);
    this.set(slot, SLOT.TGID, task.tgid || pid);
    this.set(slot, SLOT.PGID, task.pgid || pid);
    this.set(slot, SLOT.SID, task.sid || pid);
    this.set(slot, SLOT.STATE, STATE.LIVE);
    this.set(slot, SLOT.EXIT_SIGNAL, task.exitSignal);
    this.set(slot, SLOT.CPU, task.cpu);
    this.set(
      slot,
      SLOT.TREE,
      task.tree ?? (task.parent === KERNEL_SLOT ? pid : this.get(task.parent, SLOT.TREE)),
    );
    this.raise(slot, task.flags);
    this.setComm(slot, task.comm);
    this.#link(slot, task.parent);
    Atomics.add(this.#head, HEAD.LIVE, 1);
    return slot;
  }

  /** A task that has ended elsewhere, before its tree was restarted here. */
  addZombieLocked(task: NewTask, status: number, digest: Uint8Array): number {
    const slot = this.addLocked(task);
    Atomics.sub(this.#head, HEAD.LIVE, 1);
    this.set(slot, SLOT.STATE, STATE.ZOMBIE);
    this.set(slot, SLOT.EXIT_STATUS, status);
    this.setDigest(slot, digest);
    return slot;
  }

  /** Takes a task back that has never run. */
  withdrawLocked(slot: number): void {
    if (this.get(slot, SLOT.STATE) !== STATE.ZOMBIE) Atomics.sub(this.#head, HEAD.LIVE, 1);
    this.releaseLocked(slot);
  }

  /** Takes an ended task out of the tree and forgets it. */
  releaseLocked(slot: number): void {
    this.#unlink(slot);
    this.#slotOfPid[this.get(slot, SLOT.PID)] = 0;
    this.set(slot, SLOT.STATE, STATE.FREE);
    this.set(slot, SLOT.NEXT, this.#head[HEAD.FREE_LIST]!);
    this.#head[HEAD.FREE_LIST] = slot;
  }

  /**
   * A task has ended: its children get a new parent, its parent is woken, and it stays as a zombie until it is waited
   * for, or until its parent elsewhere is known to have ended. A thread, or one whose parent is the kernel, goes at once.
   * @returns the slots whose cpus must look at their wake queues
   */
  exitLocked(slot: number, status: number, digest: Uint8Array): readonly number[] {
    this.#noteChange(slot);
    Atomics.sub(this.#head, HEAD.LIVE, 1);
    Atomics.add(this.#head, HEAD.ENDED, 1);
    this.set(slot, SLOT.STATE, STATE.ZOMBIE);
    this.set(slot, SLOT.EXIT_STATUS, status);
    this.setDigest(slot, digest);
    const woken = this.#disown(slot);
    const parent = this.get(slot, SLOT.PARENT);
    const hasParent = parent !== KERNEL_SLOT || (this.flags(slot) & FLAG.REMOTE_PARENT) !== 0;
    const waitedFor = hasParent && this.get(slot, SLOT.EXIT_SIGNAL) === SIGCHLD;
    if (!waitedFor) this.releaseLocked(slot);
    else if (this.wakeLocked(parent)) woken.push(parent);
    return woken;
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
    this.set(slot, SLOT.SIGNAL, signal);
    this.raise(slot, FLAG.SIGNALLED);
    return this.wakeLocked(slot);
  }

  /** Slots of the subtree of `root`, depth-first, children in the order of their birth. */
  subtreeLocked(root: number): number[] {
    const slots: number[] = [];
    const pending = [root];
    for (let slot = pending.pop(); slot !== undefined; slot = pending.pop()) {
      slots.push(slot);
      for (let child = this.get(slot, SLOT.LAST_CHILD); child !== 0; child = this.get(child, SLOT.PREVIOUS))
        pending.push(child);
    }
    return slots;
  }

  /** The leader of a task's thread group; itself for most. */
  leaderLocked(slot: number): number {
    return this.find(this.get(slot, SLOT.TGID)) ?? slot;
  }

  /** The topmost ancestor here, whose parent is the kernel: the root of its tree, or of a fragment of it. */
  rootLocked(slot: number): number {
    let root = slot;
    for (let up = this.get(root, SLOT.PARENT); up !== KERNEL_SLOT; up = this.get(root, SLOT.PARENT))
      root = up;
    return root;
  }

  /** Every task's slot, in no order that means anything. */
  slotsLocked(): number[] {
    const used = this.#head[HEAD.USED]!;
    const slots: number[] = [];
    for (let slot = 1; slot < used; slot++) if (this.get(slot, SLOT.STATE) !== STATE.FREE) slots.push(slot);
    return slots;
  }

  /**
   * Hangs a task, alive or ended, below another parent.
   * @returns the slots whose cpus must look at their wake queues
   */
  reparentLocked(slot: number, { slot: parent, ppid, remote }: Reaper): readonly number[] {
    this.#unlink(slot);
    this.#link(slot, parent);
    this.set(slot, SLOT.PPID, ppid);
    if (remote) this.raise(slot, FLAG.REMOTE_PARENT);
    else this.clear(slot, FLAG.REMOTE_PARENT);
    if (this.get(slot, SLOT.STATE) !== STATE.ZOMBIE) return [];
    if (parent === KERNEL_SLOT && !remote) this.releaseLocked(slot);
    return this.wakeLocked(parent) ? [parent] : [];
  }

  /** Who takes over the children of a task that hangs below the kernel, or hung below a parent in another one. */
  reaperBehindLocked(top: number): Reaper {
    const tree = this.get(top, SLOT.TREE);
    if ((this.flags(top) & FLAG.REMOTE_PARENT) === 0 || tree < 0)
      return { slot: KERNEL_SLOT, ppid: 0, remote: false };
    const root = this.find(tree);
    return root === undefined || this.get(root, SLOT.STATE) === STATE.ZOMBIE
      ? { slot: KERNEL_SLOT, ppid: tree, remote: true }
      : { slot: root, ppid: tree, remote: false };
  }

  /** Gives the children of an ended task to the root of its tree, or of its fragment; else to who comes behind that. */
  #disown(slot: number): number[] {
    const woken: number[] = [];
    const top = this.rootLocked(slot);
    const reaper =
      top === slot || this.get(top, SLOT.STATE) === STATE.ZOMBIE
        ? this.reaperBehindLocked(top)
        : { slot: top, ppid: this.get(top, SLOT.PID), remote: false };
    for (
      let child = this.get(slot, SLOT.FIRST_CHILD);
      child !== 0;
      child = this.get(slot, SLOT.FIRST_CHILD)
    ) {
      const alive = this.get(child, SLOT.STATE) !== STATE.ZOMBIE;
      const signal = alive ? this.#signalOfParentDeath(slot, child) : 0;
      woken.push(...this.reparentLocked(child, reaper));
      if (signal !== 0 && this.signalLocked(child, signal)) woken.push(child);
    }
    return woken;
  }

  /** The threads of a group end with their leader (as by exit_group); a child may have asked to be told. */
  #signalOfParentDeath(parent: number, child: number): number {
    const isThread = this.get(child, SLOT.TGID) === this.get(parent, SLOT.PID);
    return isThread ? SIGKILL : this.get(child, SLOT.PDEATH_SIGNAL);
  }

  #link(slot: number, parent: number): void {
    this.#noteChange(slot);
    const last = this.get(parent, SLOT.LAST_CHILD);
    this.set(slot, SLOT.PARENT, parent);
    this.set(slot, SLOT.PREVIOUS, last);
    this.set(slot, SLOT.NEXT, 0);
    this.set(parent, SLOT.LAST_CHILD, slot);
    if (last === 0) this.set(parent, SLOT.FIRST_CHILD, slot);
    else this.set(last, SLOT.NEXT, slot);
  }

  #unlink(slot: number): void {
    this.#noteChange(slot);
    const parent = this.get(slot, SLOT.PARENT);
    const next = this.get(slot, SLOT.NEXT);
    const previous = this.get(slot, SLOT.PREVIOUS);
    if (previous === 0) this.set(parent, SLOT.FIRST_CHILD, next);
    else this.set(previous, SLOT.NEXT, next);
    if (next === 0) this.set(parent, SLOT.LAST_CHILD, previous);
    else this.set(next, SLOT.PREVIOUS, previous);
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

  #claimablePid(pid: number): number {
    if (!Number.isInteger(pid) || pid < 1 || pid >= PID_MAX)
      throw new CkptError('EINVAL', `pid ${pid} is not between 1 and ${PID_MAX - 1}`, { pid });
    if (this.#slotOfPid[pid] !== 0) throw new CkptError('EEXIST', `pid ${pid} is taken`, { pid });
    return pid;
  }

  #freePid(): number {
    const first = this.#head[HEAD.NEXT_PID]!;
    for (let step = 0; step < PID_MAX - 1; step++) {
      const pid = ((first - 1 + step) % (PID_MAX - 1)) + 1;
      if (this.#slotOfPid[pid] !== 0) continue;
      this.#head[HEAD.NEXT_PID] = (pid % (PID_MAX - 1)) + 1;
      return pid;
    }
    throw new CkptError('EAGAIN', 'every pid is taken');
  }
}
