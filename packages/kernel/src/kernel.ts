import { availableParallelism, totalmem } from 'node:os';
import { CkptError } from '@ckptree/errors';
import type { Cut, CutOptions, SnapshotSource, TaskTree } from '@ckptree/model';
import { CpuControl, IRQ } from './cpu/cpu-control.js';
import { CpuThreads } from './cpu/cpu-threads.js';
import type { TaskExit } from './cpu/messages.js';
import { type StopOptions, TickStops } from './cpu/tick-stops.js';
import { CutControl } from './cut/cut-control.js';
import { Cutter, type HoldOptions } from './cut/cutter.js';
import { Freezer } from './cut/freezer.js';
import type { HeldCut } from './cut/held-cut.js';
import { membersLocked, partOfTree, subtrees, subtreesIfAny } from './cut/scope.js';
import { Exclusive } from './exclusive.js';
import { OpenFiles } from './files/open-files.js';
import { checkKernelOptions, type KernelOptions } from './kernel-options.js';
import { type PageFill, PageFills } from './memory/page-fills.js';
import { PhysicalMemory } from './memory/physical-memory.js';
import { type PopulateOptions, populate } from './memory/populate.js';
import { ExitNotifier } from './process/exit-notifier.js';
import type { Forest } from './process/forest.js';
import {
  type Disowned,
  describeFragmentLocked,
  disownLocked,
  type Fragment,
  fragmentTopsLocked,
  type Reparented,
  setParentLocked,
} from './process/fragments.js';
import { Loader } from './process/loader.js';
import { ProcessTable } from './process/process-table.js';
import { FLAG, SIGKILL, SLOT } from './process/slot.js';
import { type TaskStatus, taskStatus } from './process/task-status.js';
import type { SpawnForest } from './spec/spawn-forest.js';
import type { SpawnTree } from './spec/spawn-tree.js';
import { wholeTree } from './spec/split-tree.js';

const FREEZE_TIMEOUT_MS = 5_000;

/** One task, or several, and all below them. */
type Pids = number | readonly number[];
const listOf = (pids: Pids): readonly number[] => (typeof pids === 'number' ? [pids] : pids);

/** What a held cut is of: everything here that belongs to a tree, or some tasks and all below them. */
export type HoldScope = { readonly rootPid: number } | { readonly pids: readonly number[] };

/** A simulated kernel: physical memory, a process table, and cpu threads that run tasks. */
export class Kernel implements SnapshotSource {
  readonly memory: PhysicalMemory;
  readonly #table: ProcessTable;
  readonly #control: CpuControl;
  readonly #freezer: Freezer;
  readonly #cutter: Cutter;
  readonly #threads: CpuThreads;
  readonly #exits: ExitNotifier;
  readonly #stops: TickStops;
  readonly #loader: Loader;
  readonly #fills = new PageFills();
  /** Spawns, restarts and cuts come one after the other; each is short, and none sees another half done. */
  readonly #exclusive = new Exclusive();
  readonly #down = new AbortController();

  private constructor(options: KernelOptions) {
    const cpus = options.cpus ?? availableParallelism();
    const maxTasks = options.maxTasks ?? 131_072;
    this.memory = PhysicalMemory.create(options.memoryBytes ?? Math.floor(totalmem() / 2));
    this.#table = ProcessTable.create(maxTasks);
    const files = OpenFiles.create(options.maxOpenFiles ?? 262_144);
    this.#control = CpuControl.create(cpus);
    this.#freezer = new Freezer(this.#table, this.#control);
    const cuts = CutControl.create(cpus, maxTasks);
    const parts = { table: this.#table, memory: this.memory, control: this.#control };
    this.#cutter = new Cutter({ ...parts, cuts, freezer: this.#freezer, fills: this.#fills });
    const shared = {
      memory: this.memory.handle,
      table: this.#table.handle,
      files: files.handle,
      control: this.#control.handle,
      cuts: cuts.handle,
      ticksPerSecond: options.ticksPerSecond,
    };
    this.#exits = new ExitNotifier(this.#table);
    this.#threads = new CpuThreads(this.#control, shared, {
      exited: (exits) => this.#exited(exits),
      stopped: (request) => this.#stops.stopped(request),
      piece: (piece) => this.#cutter.receive(piece),
      panicked: (error) => {
        this.#cutter.abandon(error);
        this.#exits.abandon(error);
      },
    });
    this.#stops = new TickStops(this.#table, this.#threads);
    this.#loader = new Loader({ ...parts, files, threads: this.#threads, exits: this.#exits });
  }

  /** @throws EINVAL an option is out of range; ENOMEM the memory cannot be reserved */
  static boot(options: KernelOptions = {}): Kernel {
    checkKernelOptions(options);
    return new Kernel(options);
  }

  /**
   * Starts a tree of tasks.
   * @returns the root's pid
   * @throws what entering the tree throws (EEXIST, ENOENT, ...), or the failure of a program to start; nothing is left then
   */
  async spawn(tree: SpawnTree): Promise<number> {
    const forest = await this.loadSpawned(wholeTree(tree));
    forest.start();
    return forest.rootPid;
  }

  /**
   * Loads a tree, or a part of one, that runs when it is started.
   * @throws as spawn()
   */
  loadSpawned(forest: SpawnForest): Promise<Forest> {
    return this.#exclusive.run(() => this.#loader.spawned(forest));
  }

  /**
   * Takes over a tree whose memory is in `this.memory` already: each address space's leaves hold one reference, which
   * goes over to the tasks, also when this fails.
   * @returns the root's pid
   */
  async adopt(tree: TaskTree, options: { readonly frozen?: boolean } = {}): Promise<number> {
    const forest = await this.loadAdopted(tree);
    forest.start(options);
    return forest.rootPid;
  }

  /**
   * As adopt(), of a tree or a part of one that runs when it is started.
   * @param tree `rootPid` is that of the whole tree; tasks whose parents are not among `tasks` have them elsewhere
   */
  loadAdopted(tree: TaskTree): Promise<Forest> {
    return this.#exclusive.run(() => this.#loader.adopted(tree));
  }

  /**
   * Has somebody bring contents into frames that `userfault` of `this.memory` says are missing: checkpoints wait for
   * it, and it is stopped when the kernel is shut down. Whoever began it hears of its end.
   */
  follow(fill: PageFill): void {
    this.#fills.add(fill);
  }

  async cut(rootPid: number, options: CutOptions = {}): Promise<Cut> {
    const held = await this.#exclusive.run(() => this.#cutter.snapshot(rootPid, options));
    return this.#cutter.cut(rootPid, held, options);
  }

  /**
   * Freezes and snapshots, and leaves the tasks frozen until they are told to run, or the lease ends: the part of a cut
   * that other kernels take part in. Nothing of what was seen is put together before that.
   * @throws EBUSY another cut of some of the tasks is held; ETIMEDOUT they did not stop in time, or within the lease
   */
  hold(scope: HoldScope, options: HoldOptions = {}): Promise<HeldCut> {
    const which = 'rootPid' in scope ? partOfTree(scope.rootPid) : subtreesIfAny(scope.pids);
    return this.#exclusive.run(() => this.#cutter.hold(which, options));
  }

  /** Freezes trees until they are thawed. Of several, those that are not there are left out. @throws ESRCH none is there */
  freeze(pids: Pids, timeoutMs = FREEZE_TIMEOUT_MS): Promise<void> {
    return this.#exclusive.run(async () => {
      await this.#freezer.freeze(subtrees(listOf(pids)), timeoutMs);
    });
  }

  /** @throws ESRCH as freeze() */
  thaw(pids: Pids): Promise<void> {
    return this.#exclusive.run(async () => this.#freezer.thaw(subtrees(listOf(pids))));
  }

  /**
   * Ends every task of trees as by SIGKILL, frozen or not; of a thread, the whole group. Resolves when all have ended, and listeners were told of it.
   * @throws ESRCH as freeze()
   */
  async kill(pids: Pids): Promise<void> {
    const killed = await this.#exclusive.run(async () =>
      this.#table.locked(() => {
        const tree = membersLocked(this.#table, subtrees(listOf(pids)));
        for (const slot of tree) {
          this.#table.signalLocked(slot, SIGKILL);
          // What was loaded and not started has nothing to wait for any more.
          this.#table.clear(slot, FLAG.INCOMING);
        }
        return tree.map((slot) => [slot, this.#table.get(slot, SLOT.PID)] as const);
      }),
    );
    this.#control.ringAll(IRQ.WAKE);
    await this.#exits.ended(killed);
    await this.#exits.told();
  }

  /** The parts of a tree that are here. @param rootPid of the whole tree */
  fragments(rootPid: number): Fragment[] {
    return this.#table.locked(() =>
      fragmentTopsLocked(this.#table, rootPid).map((top) => describeFragmentLocked(this.#table, top)),
    );
  }

  /**
   * Tells that parents in other kernels have ended: their children here get another parent, as if it had been here, and
   * zombies are gone that nobody is left to wait for. Of a tree's root every kernel with a part of the tree must be told.
   */
  disown(disowned: Disowned): Promise<Omit<Reparented, 'woken'>> {
    return this.#reparent(() => disownLocked(this.#table, disowned));
  }

  /**
   * Gives the top of a fragment another parent, here or elsewhere; 0: none.
   * @throws ESRCH no such task; EINVAL its parent is here already, or is below it
   */
  async setParent(pid: number, ppid: number): Promise<void> {
    await this.#reparent(() => setParentLocked(this.#table, pid, ppid));
  }

  /**
   * Freezes a task when it has executed `tick` ticks. Resolves when it stands there.
   * @param options `unborn`: it may not be there yet
   * @throws ESRCH there is no such task, or it ended before; EINVAL it was past that tick already; EBUSY it is to stop at
   *   another tick
   */
  stopAt(pid: number, tick: number, options: StopOptions = {}): Promise<void> {
    return this.#stops.stopAt(pid, tick, options);
  }

  /** Calls back for every task that ends, in the order of ends on each cpu. @returns how to end that */
  onExit(listener: (exit: TaskExit) => void): () => void {
    return this.#exits.listen(listener);
  }

  /**
   * Resolves when listeners were told of every task that has ended by now: who is not in the process table any more may not have been
   * heard of yet.
   * @throws EPIPE as settled()
   */
  exitsTold(): Promise<void> {
    return this.#exits.told();
  }

  /**
   * Resolves when every task has ended and its end was told.
   * @throws EPIPE a cpu thread died, or the kernel was shut down
   */
  settled(): Promise<void> {
    return this.#exits.settled();
  }

  /** Tasks that have not ended. */
  get tasks(): number {
    return this.#table.liveTasks;
  }

  /** How many tasks these and all below them are, zombies included. Those that are not there are left out. */
  countBelow(pids: readonly number[]): number {
    return this.#table.locked(() => membersLocked(this.#table, subtreesIfAny(pids)).length);
  }

  /** The process table, ascending by pid. */
  ps(): TaskStatus[] {
    const rows = this.#table.locked(() =>
      this.#table.slotsLocked().map((slot) => taskStatus(this.#table, slot)),
    );
    return rows.sort((a, b) => a.pid - b.pid);
  }

  /**
   * Has the host commit all of the memory now: what is spawned, restarted and copied later does not wait for it. Tasks may run
   * meanwhile.
   * @throws ENOMEM the host has not so much; EINTR cancelled, or the kernel was shut down
   */
  populate({ signal, ...options }: PopulateOptions = {}): Promise<void> {
    const signals = signal === undefined ? [this.#down.signal] : [signal, this.#down.signal];
    return populate(this.memory.handle, { ...options, signal: AbortSignal.any(signals) });
  }

  /** Ends the cpu threads; the tasks are gone. */
  async shutdown(): Promise<void> {
    this.#down.abort();
    const down = new CkptError('EPIPE', 'the kernel was shut down');
    const cutShort = new CkptError('EINTR', 'the kernel was shut down before all memory had come');
    // Both at once: a cpu may be waiting for a page.
    await Promise.all([this.#threads.stop(), this.#fills.stop(cutShort)]);
    this.#cutter.abandon(down);
    this.#exits.abandon(down);
  }

  #reparent(change: () => Reparented): Promise<Omit<Reparented, 'woken'>> {
    return this.#exclusive.run(async () => {
      const { moved, gone, cpus } = this.#table.locked(() => {
        const { woken, ...pids } = change();
        return { ...pids, cpus: woken.map((slot) => this.#table.get(slot, SLOT.CPU)) };
      });
      for (const cpu of cpus) this.#control.ring(cpu, IRQ.WAKE);
      return { moved, gone };
    });
  }

  #exited(exits: readonly TaskExit[]): void {
    this.#exits.receive(exits);
    this.#stops.ended(exits);
    this.#fills.reclaim();
  }
}
