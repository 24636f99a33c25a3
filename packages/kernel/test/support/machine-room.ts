import { setTimeout as sleep } from 'node:timers/promises';
import { isCkptError } from '@ckptree/errors';
import { Kernel, parseSpec, type TaskExit, type TaskStatus } from '@ckptree/kernel';
import {
  arenaOf,
  LEAF_ENTRIES,
  LEAF_SHIFT,
  type Mm,
  offsetInArena,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
  type Task,
  type TaskTree,
  VM,
} from '@ckptree/model';

const SIGKILL = 9;

/** A kernel that runs specs one after the other and tells how their tasks ended. */
export class MachineRoom {
  readonly kernel: Kernel;
  readonly #baseFolder: string;
  #exits: TaskExit[] = [];

  constructor(baseFolder: string, cpus = 2) {
    this.#baseFolder = baseFolder;
    this.kernel = Kernel.boot({ cpus, memoryBytes: 256 * 2 ** 20 });
    this.kernel.onExit((exit) => this.#exits.push(exit));
  }

  /** Runs a tree to its end. @returns how each task ended, ascending by pid */
  async run(root: object, files: object[] = []): Promise<TaskExit[]> {
    await this.#spawn(root, files);
    return this.#ended();
  }

  /**
   * Runs a tree to its end, but on the way stops a task before a tick.
   * @param look sees the task while it stands there
   */
  async runAndStop(root: object, pid: number, tick: number, look: (task: Task) => void): Promise<TaskExit[]> {
    // First the stop: the tasks run as soon as they are spawned.
    const stopped = this.kernel.stopAt(pid, tick, { unborn: true });
    await Promise.all([stopped, this.#spawn(root, [])]);
    const cut = await this.kernel.cut(pid, { leaveFrozen: true });
    try {
      look(cut.tree.tasks[0]!);
    } finally {
      cut.release();
      await cut.thaw();
    }
    return this.#ended();
  }

  /**
   * Runs a tree to its end, but on the way stops its root before a tick, ends everything by force, and goes on with a
   * copy of what was there.
   */
  async runAndReplace(root: object, files: object[], tick: number): Promise<TaskExit[]> {
    await this.#replace(root, files, tick, (tree) => tree);
    return (await this.#ended()).filter(({ status }) => status !== SIGKILL);
  }

  /** Lets a task go on for some ticks with other registers, and kills what it has become. */
  async runWithRegisters(root: object, change: (registers: Uint8Array) => Uint8Array): Promise<void> {
    await this.#replace(root, [], 0, ({ rootPid, tasks }) => ({
      rootPid,
      tasks: tasks.map((task) => ({ ...task, registers: change(task.registers!) })),
    }));
    await sleep(2);
    for (let tasks = this.kernel.ps(); tasks[0] !== undefined; tasks = this.kernel.ps())
      await this.kernel.kill(tasks[0].pid).catch(unlessItHasEnded);
    await this.#ended();
  }

  /** Runs a tree to its end of whose root somebody changes, before it begins, the pages that were written. */
  async runWithMemory(root: object, change: (page: Uint8Array) => void): Promise<TaskExit[]> {
    await this.#replace(root, [], 0, (tree) => {
      for (const page of writtenMemory(tree.tasks[0]!.mm!)) change(page);
      return tree;
    });
    return (await this.#ended()).filter(({ status }) => status !== SIGKILL);
  }

  async #replace(
    root: object,
    files: object[],
    tick: number,
    change: (tree: TaskTree) => TaskTree,
  ): Promise<void> {
    const stopped = this.kernel.stopAt(1, tick, { unborn: true });
    await Promise.all([stopped, this.#spawn(root, files)]);
    const { tree } = await this.kernel.cut(1, { leaveFrozen: true });
    await this.kernel.kill(1);
    await this.#ended();
    // The references that the cut holds go over to the new tasks.
    await this.kernel.adopt(change(tree));
  }

  /** Spawns a tree and kills it when all these tasks have executed a tick. @returns what was there until then */
  async runAndKill(root: object, pids: readonly number[]): Promise<TaskStatus[]> {
    const stopped = pids.map((pid) => this.kernel.stopAt(pid, 1, { unborn: true }));
    await Promise.all([...stopped, this.#spawn(root, [])]);
    const tasks = this.kernel.ps();
    await this.kernel.kill(1);
    await this.#ended();
    return tasks;
  }

  async #spawn(root: object, files: object[]): Promise<void> {
    this.#exits = [];
    await this.kernel.spawn(parseSpec({ files, root }, { baseFolder: this.#baseFolder }).tree);
  }

  async #ended(): Promise<TaskExit[]> {
    await this.kernel.settled();
    return this.#exits.toSorted((a, b) => a.pid - b.pid || a.ticks - b.ticks);
  }
}

function unlessItHasEnded(error: unknown): void {
  if (!isCkptError(error) || error.code !== 'ESRCH') throw error;
}

/** Every byte of the pages that were written in the vma that has most of them, in place. */
export function* writtenMemory(mm: Mm): Generator<Uint8Array> {
  const pages = mm.vmas
    .filter(({ flags }) => (flags & VM.WRITE) !== 0 && (flags & VM.GROWSDOWN) === 0)
    .map((vma) => [...dirtyFrames(mm, vma.start, vma.end)]);
  const most = Math.max(...pages.map(({ length }) => length));
  for (const frame of pages.findLast(({ length }) => length === most) ?? [])
    yield new Uint8Array(mm.memory.arenas[arenaOf(frame)]!, offsetInArena(frame), PAGE_SIZE);
}

function* dirtyFrames({ memory: { arenas, leaves } }: Mm, start: number, end: number): Generator<number> {
  for (let pair = 0; pair < leaves.length; pair += 2) {
    const leaf = leaves[pair + 1]!;
    const entries = new Int32Array(arenas[arenaOf(leaf)]!, offsetInArena(leaf), LEAF_ENTRIES);
    for (const [index, entry] of entries.entries()) {
      const address = leaves[pair]! * 2 ** LEAF_SHIFT + index * PAGE_SIZE;
      const written = (entry & PTE_PRESENT) !== 0 && (entry & PTE_DIRTY) !== 0;
      if (written && address >= start && address < end) yield entry >>> PTE_FRAME_SHIFT;
    }
  }
}
