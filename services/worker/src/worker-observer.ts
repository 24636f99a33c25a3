import type { HoldTiming, Kernel, Resumed } from '@ckptree/kernel';
import { PAGE_SIZE } from '@ckptree/model';
import type { TaskEnd } from '@ckptree/protocol';
import type { workerMetrics } from '@ckptree/service';
import type { Sealed } from './held-checkpoint.js';
import type { HeldCheckpoints } from './held-checkpoints.js';
import type { HostedTrees } from './hosted-trees.js';

type Metrics = ReturnType<typeof workerMetrics>;

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

  dumped(seconds: number, { stored, logicalBytes }: Sealed): void {
    this.#metrics.dumps.inc({ outcome: 'sealed' });
    this.#metrics.dumpSeconds.observe(seconds);
    this.#metrics.dumpBytes.inc({ kind: 'memory' }, logicalBytes);
    this.#metrics.dumpBytes.inc({ kind: 'stored' }, stored.added.stored);
  }

  notDumped(outcome: 'failed' | 'cancelled'): void {
    this.#metrics.dumps.inc({ outcome });
  }

  /** Asked for whenever the metrics are read. */
  look(kernel: Kernel, trees: HostedTrees, checkpoints: HeldCheckpoints): void {
    const counts = { running: 0, frozen: 0, zombie: 0 };
    for (const { state } of kernel.ps()) counts[state === 'blocked' ? 'running' : state]++;
    for (const [state, count] of Object.entries(counts)) this.#metrics.tasks.set({ state }, count);
    this.#metrics.trees.set(trees.all.filter(({ state }) => state === 'started').length);
    const { used, total } = kernel.memory.stats();
    this.#metrics.memoryUsed.set(used * PAGE_SIZE);
    this.#metrics.memoryCapacity.set(total * PAGE_SIZE);
    const frozen = checkpoints.all.filter(({ state }) => state === 'prepared').length;
    this.#metrics.cuts.set({ state: 'frozen' }, frozen);
    this.#metrics.cuts.set({ state: 'snapshot' }, checkpoints.all.length - frozen);
  }
}
