import type { TaskTree } from '@ckptree/model';
import { IRQ } from '../cpu/cpu-control.js';
import type { CpuThreads } from '../cpu/cpu-threads.js';
import { releaseLeaves } from '../hosting.js';
import type { PhysicalMemory } from '../memory/physical-memory.js';
import type { SpawnForest } from '../spec/spawn-forest.js';
import { enterAdopted } from './adopt.js';
import type { ExitNotifier } from './exit-notifier.js';
import { Forest, type ForestParts } from './forest.js';
import type { NewcomerParts, Newcomers } from './newcomers.js';
import { enterSpawned } from './spawn.js';

export interface LoaderParts extends NewcomerParts {
  readonly memory: PhysicalMemory;
  readonly threads: CpuThreads;
  readonly exits: ExitNotifier;
}

/** Enters trees, or parts of them, and has the cpus take in their tasks, which run when they are started. */
export class Loader {
  readonly #parts: LoaderParts;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** @throws what enterSpawned() throws, or the failure of a program to start; nothing is left then */
  async spawned(forest: SpawnForest): Promise<Forest> {
    const { threads } = this.#parts;
    threads.assertAlive();
    return this.#bringIn(enterSpawned(this.#parts, forest), (cpu, tasks) =>
      threads.ask(cpu, { type: 'spawn', tasks }),
    );
  }

  /** The references of the tree's leaves go over to the tasks, also when this fails. @throws what enterAdopted() throws */
  async adopted(tree: TaskTree): Promise<Forest> {
    return this.#bringIn(this.#enterAdopted(tree), (cpu, load) =>
      this.#parts.threads.ask(cpu, { type: 'adopt', ...load }),
    );
  }

  /** Enters a tree, or gives its memory back. */
  #enterAdopted(tree: TaskTree): ReturnType<typeof enterAdopted> {
    try {
      this.#parts.threads.assertAlive();
      return enterAdopted(this.#parts, tree);
    } catch (error) {
      const mms = new Set(tree.tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm])));
      for (const { memory } of mms) releaseLeaves(this.#parts.memory, memory.leaves);
      throw error;
    }
  }

  /** Tells the cpus of newcomers, all marked as incoming, which keeps them from running; ends them all if one cannot run. */
  async #bringIn<Load>(
    { rootPid, slots, perCpu }: Newcomers<Load>,
    ask: (cpu: number, load: Load) => Promise<void>,
  ): Promise<Forest> {
    const { table, control, exits } = this.#parts;
    const forestParts: ForestParts = {
      table,
      ring: () => control.ringAll(IRQ.THAW | IRQ.WAKE),
      ended: (tasks) => exits.ended(tasks),
    };
    const forest = new Forest(forestParts, rootPid, slots);
    const answers = await Promise.allSettled([...perCpu].map(([cpu, load]) => ask(cpu, load)));
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (failure === undefined) return forest;
    await forest.abandon();
    throw failure.reason;
  }
}
