import type { HoldTiming, Kernel, Resumed } from '@ckptree/kernel';
import { PAGE_SIZE } from '@ckptree/model';
import type { TaskEnd } from '@ckptree/protocol';
import type { workerMetrics } from '@ckptree/service';

type Metrics = ReturnType<typeof workerMetrics>;

/** What a worker holds. */
export interface Standing {
  /** Trees that run. */
  readonly trees: number;
  /** Cuts whose tasks stand still, and those of which only the snapshots are held. */
  readonly frozen: number;
  readonly snapshots: number;
}

/** Tells the metrics what happens on a worker. */
export class WorkerObserver {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  resumed({ freezeUs }: HoldTiming, { stoodStillUs, leaseEnded }: Resumed): void {
    this.#metrics.freezeSeconds.observe(freezeUs / 1e6);
    this.#metrics.stoodStillSeconds.observe(stoodStillUs / 1e6);
    if (leaseEnded) this.#metrics.leasesExpired.inc();
  }

  ended({ signal }: TaskEnd): void {
    this.#metrics.tasksEnded.inc({ how: signal === undefined ? 'exited' : 'killed' });
  }

  dumped(seconds: number, bytes: { readonly memory: number; readonly stored: number }): void {
    this.#metrics.dumps.inc({ outcome: 'sealed' });
    this.#metrics.dumpSeconds.observe(seconds);
    this.#metrics.dumpBytes.inc({ kind: 'memory' }, bytes.memory);
    this.#metrics.dumpBytes.inc({ kind: 'stored' }, bytes.stored);
  }

  notDumped(outcome: 'failed' | 'cancelled'): void {
    this.#metrics.dumps.inc({ outcome });
  }

  /** What there is now; told again and again. */
  look(kernel: Kernel, { trees, frozen, snapshots }: Standing): void {
    const counts = { running: 0, frozen: 0, zombie: 0 };
    for (const { state } of kernel.ps()) counts[state === 'blocked' ? 'running' : state]++;
    for (const [state, count] of Object.entries(counts)) this.#metrics.tasks.set({ state }, count);
    this.#metrics.trees.set(trees);
    const { used, total } = kernel.memory.stats();
    this.#metrics.memoryUsed.set(used * PAGE_SIZE);
    this.#metrics.memoryCapacity.set(total * PAGE_SIZE);
    this.#metrics.cuts.set({ state: 'frozen' }, frozen);
    this.#metrics.cuts.set({ state: 'snapshot' }, snapshots);
  }
}
