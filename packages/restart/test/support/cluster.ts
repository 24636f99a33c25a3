import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkAssignment,
  checkSkeleton,
  describePart,
  dumpSequential,
  type MergedTree,
  merge,
  planHeadAndTail,
  planSegments,
} from '@ckptree/checkpoint';
import { isCkptError } from '@ckptree/errors';
import { bytesSource, readTree } from '@ckptree/image';
import {
  type Forest,
  type HeldCut,
  Kernel,
  placeSpawn,
  type SpawnTree,
  splitTree,
  type TaskExit,
} from '@ckptree/kernel';
import type { TaskTree } from '@ckptree/model';
import { hostPart, placeImage } from '@ckptree/restart';

const UTS = { release: '6.1.0-ckptree', version: '#1 SMP', machine: 'x86_64' };

/** Everything that workers and coordinators send each other is JSON. */
const sent = <T>(document: T): T => JSON.parse(JSON.stringify(document)) as T;

/** Several kernels in one process, and what a coordinator would do with them. */
export class Cluster {
  readonly kernels: ReadonlyMap<string, Kernel>;
  readonly ends: TaskExit[] = [];
  #trees = 0;

  constructor(workers: readonly string[]) {
    this.kernels = new Map(
      workers.map((worker) => [worker, Kernel.boot({ cpus: 1, memoryBytes: 512 * 2 ** 20 })]),
    );
    for (const kernel of this.kernels.values())
      kernel.onExit((end) => {
        this.ends.push(end);
        for (const other of this.kernels.values()) void other.disown({ parents: [end.pid] });
      });
  }

  /** Starts a tree; tasks that are not placed go where there is room. */
  async spawn(tree: SpawnTree, placement?: ReadonlyMap<number, string>): Promise<void> {
    await this.loadSpawned(tree, placement).then(start);
  }

  async loadSpawned(tree: SpawnTree, placement?: ReadonlyMap<number, string>): Promise<Forest[]> {
    const workers = placeSpawn(tree, {
      workers: this.#workers(this.kernels.keys()),
      ...(placement && { placement }),
    });
    const parts = splitTree(tree, { treeId: this.#newTreeId(), workerOf: (pid) => workers.get(pid)! });
    return Promise.all([...parts].map(([worker, forest]) => this.kernel(worker).loadSpawned(sent(forest))));
  }

  /** Starts the tree of an image on some of the workers. */
  async restart(image: Uint8Array, on: readonly string[]): Promise<void> {
    const loads = await this.load(image, on);
    start(
      loads.map((load) => {
        if (load.status === 'rejected') throw load.reason;
        return load.value;
      }),
    );
  }

  /** Loads the tree of an image on some of the workers. */
  async load(
    image: Uint8Array,
    on: readonly string[],
    wanted: ReadonlyMap<number, string> = new Map(),
  ): Promise<PromiseSettledResult<Forest>[]> {
    const { tree } = await readTree(bytesSource(image));
    const placement = sent(placeImage(tree, { workers: this.#workers(on), placement: wanted }));
    const treeId = this.#newTreeId();
    return Promise.allSettled(
      placement.workers.map((worker) =>
        hostPart(this.kernel(worker), bytesSource(image), tree, { treeId, worker, placement }),
      ),
    );
  }

  /** Freezes what all workers host of a tree. */
  async hold(rootPid: number): Promise<Map<string, HeldCut>> {
    const cuts = [...this.kernels].map(
      async ([worker, kernel]) => [worker, await kernel.hold({ rootPid }, { leaseMs: 10_000 })] as const,
    );
    return new Map(await Promise.all(cuts));
  }

  /** The image of a tree, taken by all workers together. */
  async checkpoint(
    rootPid: number,
    options: { readonly pid?: number; readonly container?: boolean; readonly leaveFrozen?: boolean } = {},
  ): Promise<{ readonly image: Buffer; readonly merged: MergedTree }> {
    const cuts = await this.hold(rootPid);
    try {
      for (const cut of cuts.values()) cut.resume({ leaveFrozen: options.leaveFrozen ?? false });
      const parts = new Map<string, TaskTree>();
      for (const [worker, cut] of cuts) parts.set(worker, await cut.tree);
      const skeletons = [...parts].map(([worker, part]) =>
        checkSkeleton(sent(describePart(worker, part)), worker),
      );
      const { container = false, pid = rootPid } = options;
      const merged = merge(skeletons, { pid, rootPid, container, workers: [...cuts.keys()] });
      return { merged, image: await imageOf(merged, parts) };
    } finally {
      for (const cut of cuts.values()) cut.release();
    }
  }

  kernel(worker: string): Kernel {
    return this.kernels.get(worker)!;
  }

  /** Ends all tasks. */
  async clear(): Promise<void> {
    for (const kernel of this.kernels.values()) {
      const pids = kernel.ps().map(({ pid }) => pid);
      // All of them may have ended meanwhile.
      await kernel.kill(pids).catch((error: unknown) => {
        if (!isCkptError(error) || error.code !== 'ESRCH') throw error;
      });
    }
    await this.settled();
  }

  /** Resolves when every task has ended and nothing is left of any. */
  async settled(): Promise<void> {
    const kernels = [...this.kernels.values()];
    await Promise.all(kernels.map((kernel) => kernel.settled()));
    // Roots of parts wait for parents elsewhere, and hear of their ends last.
    while (kernels.some((kernel) => kernel.ps().length > 0)) await sleep(1);
  }

  async shutdown(): Promise<void> {
    await Promise.all([...this.kernels.values()].map((kernel) => kernel.shutdown()));
  }

  #workers(ids: Iterable<string>) {
    return [...ids].map((id) => ({ id, load: 0 }));
  }

  #newTreeId(): string {
    return `t-${++this.#trees}`;
  }
}

function start(forests: readonly Forest[]): void {
  for (const forest of forests) forest.start();
}

async function imageOf(merged: MergedTree, parts: ReadonlyMap<string, TaskTree>): Promise<Buffer> {
  const planned = new Map(
    [...merged.assignments].map(([worker, assignment]) => [
      worker,
      planSegments(parts.get(worker)!, checkAssignment(sent(assignment)), { worker }),
    ]),
  );
  const { head, tail } = planHeadAndTail(merged, { uts: UTS, time: 1n });
  const chunks: Uint8Array[] = [];
  const sink = { write: (bytes: Uint8Array) => void chunks.push(bytes.slice()) };
  const segments = merged.segments.map(({ worker }) => planned.get(worker)!.shift()!.plan);
  for (const plan of [head, ...segments, tail]) await dumpSequential(plan, sink);
  return Buffer.concat(chunks);
}
