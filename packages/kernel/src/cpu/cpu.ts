import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { CkptError, errorToData } from '@ckptree/errors';
import type { CutControl } from '../cut/cut-control.js';
import { CutParticipant } from '../cut/cut-participant.js';
import { CutRecorder } from '../cut/cut-recorder.js';
import type { OpenFiles } from '../files/open-files.js';
import type { PhysicalMemory } from '../memory/physical-memory.js';
import { exitLocked } from '../process/exit.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, FROZEN_FLAGS, KERNEL_SLOT, SLOT, STATE } from '../process/slot.js';
import type { Sys } from '../program.js';
import { type CpuControl, IRQ } from './cpu-control.js';
import { ExitBatch } from './exit-batch.js';
import type { FromCpu, ToCpu } from './messages.js';
import { dropMm, Nursery } from './nursery.js';
import { Pace } from './pace.js';
import { RunQueue } from './run-queue.js';
import { type SystemCallParts, SystemCalls } from './sys.js';
import { DIGEST_BYTES, type Task } from './task.js';
import { atTask } from './task-error.js';

/** Ticks that a task executes before the next one's turn. */
const QUANTUM_TICKS = 128;
/** The same while somebody waits for what was seen of a cut. */
const QUANTUM_WHILE_TELLING = 8;
const IDLE_WAIT_MS = 1_000;

const SIGABRT = 6;
const SIGBUS = 7;
const SIGSEGV = 11;

/** What an access to memory, or a system call, that failed and was not caught ends a task by. */
function signalOf({ code, fields }: CkptError): number {
  if (code === 'EFAULT') return SIGSEGV;
  // Mapped, and yet not to be had: as a page that the disk does not give back.
  return code === 'EIO' && fields.vma !== undefined ? SIGBUS : SIGABRT;
}

export interface CpuParts {
  readonly index: number;
  readonly table: ProcessTable;
  readonly files: OpenFiles;
  readonly memory: PhysicalMemory;
  readonly control: CpuControl;
  readonly cuts: CutControl;
  /** Requests of the main thread. */
  readonly inbox: MessagePort;
  /** To each other cpu, by its index; its own is absent. */
  readonly peers: readonly (MessagePort | undefined)[];
  readonly tell: (message: FromCpu) => void;
  /** Absent: as many as the host can. */
  readonly ticksPerSecond?: number | undefined;
}

/**
 * One cpu: a thread that runs tasks, a few ticks each in turn, and does nothing else. It never returns to its event
 * loop; what others want of it are interrupts and messages, looked at between two ticks (a safe point).
 *
 * It owns, and alone touches, the tasks, address spaces and descriptor tables that it hosts.
 */
export class Cpu {
  readonly #index: number;
  readonly #table: ProcessTable;
  readonly #control: CpuControl;
  readonly #parts: CpuParts;
  readonly #recorder: CutRecorder;
  readonly #participant: CutParticipant;
  readonly #nursery: Nursery;
  readonly #pace: Pace;
  readonly #callParts: SystemCallParts;
  readonly #tasks = new Map<number, Task>();
  readonly #calls = new WeakMap<Task, Sys>();
  readonly #ready = new RunQueue<Task>();
  readonly #blocked = new Set<Task>();
  /** Tasks that were met frozen. */
  readonly #parked = new Set<Task>();
  /** Where to stop tasks, by pid; they may not exist yet. */
  readonly #stops = new Map<number, { tick: number; request: number }>();
  readonly #exits: ExitBatch;
  #stopping = false;

  constructor(parts: CpuParts) {
    const { index, table, files, control, cuts, memory, peers, tell } = parts;
    this.#parts = parts;
    this.#index = index;
    this.#table = table;
    this.#control = control;
    this.#pace = new Pace(parts.ticksPerSecond);
    this.#exits = new ExitBatch((exits) => tell({ type: 'exited', exits }));
    this.#recorder = new CutRecorder(tell, (cut) => cuts.isHeld(cut));
    this.#participant = new CutParticipant({
      ...{ index, table, files, control, cuts },
      recorder: this.#recorder,
      tasks: this.#tasks,
      readMessages: () => this.#readMessages(),
      thaw: () => this.#thaw(),
    });
    this.#nursery = new Nursery({
      index,
      table,
      files,
      resources: { memory, files },
      control,
      peers,
      tasks: this.#tasks,
      host: (task) => this.#host(task),
      sysOf: (task) => this.#sys(task),
    });
    this.#callParts = { table, files, control, nursery: this.#nursery };
  }

  /** Runs until it is told to stop. */
  run(): void {
    while (!this.#stopping) {
      if (this.#control.hasIrq(this.#index)) {
        this.#interrupt(this.#control.takeIrq(this.#index));
        // It may have been told to stop.
        continue;
      }
      const restMs = this.#ready.length === 0 ? IDLE_WAIT_MS : this.#pace.restMs;
      if (restMs > 0) this.#rest(restMs);
      else this.#schedule(this.#ready.shift()!);
      this.#exits.tellWhenDue();
      this.#recorder.tellSome();
    }
    this.#exits.tell();
    this.#parts.memory.releaseBlocks();
  }

  /** No task can run, or none may yet. */
  #rest(ms: number): void {
    this.#exits.tell();
    if (this.#recorder.tellSome()) return;
    this.#parts.memory.releaseBlocks();
    this.#control.waitIrq(this.#index, ms);
  }

  #schedule(task: Task): void {
    // Announce first, then look at the flags: see CpuControl.enter().
    this.#control.enter(this.#index, task.slot);
    if (this.#isHeld(task)) this.#park(task);
    else if (this.#isSignalled(task)) this.#deliver(task);
    else this.#execute(task);
    this.#control.leave(this.#index);
  }

  #park(task: Task): void {
    this.#parked.add(task);
    this.#control.addLoad(this.#index, -1);
  }

  #execute(task: Task): void {
    const sys = this.#sys(task);
    const before = task.ticks;
    // One that was restarted as it waited may find that it need not.
    this.#table.set(task.slot, SLOT.STATE, STATE.LIVE);
    try {
      const quantum = this.#pace.quantum(this.#recorder.hasNews ? QUANTUM_WHILE_TELLING : QUANTUM_TICKS);
      for (let tick = 0; tick < quantum && !this.#control.hasIrq(this.#index); tick++) {
        if (task.ticks === task.stop.tick) return this.#stopAtTick(task);
        const outcome = task.program.step(sys);
        if (outcome === 'blocked') return this.#block(task);
        task.ticks++;
        if (task.exitStatus !== undefined) return this.#end(task, task.exitStatus);
      }
      this.#ready.push(task);
    } catch (error) {
      // It may have failed because of the signal.
      if (this.#isSignalled(task)) return this.#deliver(task);
      const reason = atTask(this.#table, task, error);
      this.#end(task, signalOf(reason), reason);
    } finally {
      this.#pace.spend(task.ticks - before);
      // Of an ended task the slot may be another's by now; #end() has told its ticks.
      if (this.#tasks.get(task.slot) === task) this.#table.setTicks(task.slot, task.ticks);
    }
  }

  #stopAtTick(task: Task): void {
    const { tick, request } = task.stop;
    task.stop = { tick: -1, request: 0 };
    this.#table.raise(task.slot, FLAG.FREEZE_USER);
    this.#table.setTicks(task.slot, tick);
    this.#park(task);
    this.#exits.tell();
    this.#parts.tell({ type: 'stopped', request, pid: this.#table.get(task.slot, SLOT.PID), tick });
  }

  #block(task: Task): void {
    this.#table.set(task.slot, SLOT.STATE, STATE.BLOCKED);
    this.#blocked.add(task);
    this.#control.addLoad(this.#index, -1);
  }

  #deliver(task: Task): void {
    this.#table.clear(task.slot, FLAG.SIGNALLED);
    const signal = this.#table.get(task.slot, SLOT.SIGNAL);
    this.#end(task, signal, new CkptError('EINTR', `killed by signal ${signal}`));
  }

  #end(task: Task, wait: number, why?: CkptError): void {
    const { slot } = task;
    const { digest, status, reason } = this.#lastState(task, wait, why);
    this.#table.setTicks(slot, task.ticks);
    const end = {
      pid: this.#table.get(slot, SLOT.PID),
      rootPid: Math.abs(this.#table.get(slot, SLOT.TREE)),
      comm: this.#table.comm(slot),
      status,
      digest: Buffer.from(digest).toString('hex'),
      ticks: task.ticks,
      ...(reason === undefined ? {} : { error: errorToData(reason) }),
    };
    task.files.drop();
    dropMm(task.mm);
    this.#tasks.delete(slot);
    this.#control.addLoad(this.#index, -1);
    const { order, woken } = this.#table.locked(() => {
      const parents = exitLocked(this.#table, slot, status, digest);
      return {
        order: this.#table.endedTasks,
        woken: parents.map((parent) => this.#table.get(parent, SLOT.CPU)),
      };
    });
    this.#exits.add({ ...end, order });
    for (const cpu of woken) this.#control.ring(cpu, IRQ.WAKE);
  }

  /** The digest of a task, and how it ends: of one that was restored lazily, memory may turn out to be lost only now. */
  #lastState(task: Task, status: number, reason?: CkptError) {
    try {
      return { digest: task.digest(), status, reason };
    } catch (error) {
      const lost = atTask(this.#table, task, error);
      const digest = new Uint8Array(DIGEST_BYTES);
      return reason === undefined
        ? { digest, status: signalOf(lost), reason: lost }
        : { digest, status, reason };
    }
  }

  #interrupt(irq: number): void {
    if ((irq & IRQ.MESSAGE) !== 0) this.#readMessages();
    if ((irq & IRQ.WAKE) !== 0) this.#wake();
    if ((irq & IRQ.CUT) !== 0) this.#participant.standStill();
    if ((irq & IRQ.SNAPSHOT) !== 0) this.#participant.snapshot();
    if ((irq & IRQ.THAW) !== 0) this.#thaw();
    if ((irq & IRQ.STOP) !== 0) this.#stopping = true;
  }

  #wake(): void {
    let signalled = false;
    for (const slot of this.#table.locked(() => this.#table.takeWokenLocked(this.#index))) {
      const task = this.#tasks.get(slot);
      if (task === undefined) continue;
      if (!this.#unblock(task) && this.#isSignalled(task) && this.#parked.delete(task)) this.#makeReady(task);
      signalled ||= this.#isSignalled(task);
    }
    if (signalled) this.#hastenSignals();
  }

  #thaw(): void {
    let signalled = false;
    for (const task of this.#parked) {
      if (this.#isHeld(task)) continue;
      this.#parked.delete(task);
      this.#makeReady(task);
      signalled ||= this.#isSignalled(task);
    }
    if (signalled) this.#hastenSignals();
  }

  /** Whether a task may not run. A signal ends what people have frozen, too. */
  #isHeld({ slot }: Task): boolean {
    const flags = this.#table.flags(slot);
    const holding = (flags & FLAG.SIGNALLED) === 0 ? FROZEN_FLAGS : FLAG.FREEZE_CUT | FLAG.INCOMING;
    return (flags & holding) !== 0;
  }

  #isSignalled(task: Task): boolean {
    return (this.#table.flags(task.slot) & FLAG.SIGNALLED) !== 0;
  }

  /** Where ticks are rare, a signal does not wait until those of all others have come due. */
  #hastenSignals(): void {
    if (!this.#pace.isLimited) return;
    for (let left = this.#ready.length; left > 0; left--) {
      const task = this.#ready.shift()!;
      if (this.#isSignalled(task)) this.#schedule(task);
      else this.#ready.push(task);
    }
  }

  #makeReady(task: Task): void {
    this.#control.addLoad(this.#index, 1);
    this.#ready.push(task);
  }

  #readMessages(): void {
    for (const port of [this.#parts.inbox, ...this.#parts.peers]) {
      if (port === undefined) continue;
      for (let item = receiveMessageOnPort(port); item !== undefined; item = receiveMessageOnPort(port))
        this.#handle(item.message as ToCpu);
    }
  }

  #handle(message: ToCpu): void {
    if (message.type === 'migrate') {
      this.#nursery.adopt(message);
      return;
    }
    const { request } = message;
    try {
      if (message.type === 'stopAt') return this.#setStop(message.pid, message.tick, request);
      if (message.type === 'spawn') this.#nursery.spawn(message.tasks);
      else this.#nursery.restart(message);
      this.#parts.tell({ type: 'answer', request });
    } catch (error) {
      this.#parts.tell({ type: 'answer', request, error: errorToData(error) });
    }
  }

  #host(task: Task): void {
    this.#tasks.set(task.slot, task);
    const stop = this.#stops.get(this.#table.get(task.slot, SLOT.PID));
    if (stop !== undefined) task.stop = stop;
    this.#ready.push(task);
  }

  #setStop(pid: number, tick: number, request: number): void {
    if (tick < 0) this.#stops.delete(pid);
    else this.#stops.set(pid, { tick, request });
    const slot = this.#table.find(pid);
    const task = slot === undefined || slot === KERNEL_SLOT ? undefined : this.#tasks.get(slot);
    if (task === undefined) return;
    if (tick >= 0 && task.ticks > tick) {
      const message = `task ${pid} has executed ${task.ticks} ticks already, more than ${tick}`;
      throw new CkptError('EINVAL', message, { pid });
    }
    task.stop = { tick, request };
    // It stands there, asleep: it is to look.
    if (task.ticks === tick) this.#unblock(task);
  }

  /** @returns whether it was blocked */
  #unblock(task: Task): boolean {
    if (!this.#blocked.delete(task)) return false;
    this.#table.set(task.slot, SLOT.STATE, STATE.LIVE);
    this.#makeReady(task);
    return true;
  }

  #sys(task: Task): Sys {
    const known = this.#calls.get(task);
    if (known !== undefined) return known;
    const calls = new SystemCalls(this.#callParts, task);
    this.#calls.set(task, calls);
    return calls;
  }
}
