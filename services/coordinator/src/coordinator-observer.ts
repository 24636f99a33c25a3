import type { CheckpointFigures, CheckpointRecord } from '@ckptree/protocol';
import { CHECKPOINT_STATES, isTerminal } from '@ckptree/protocol';
import type { coordinatorMetrics } from '@ckptree/service';
import type { Checkpoints } from './checkpoint/checkpoints.js';
import type { Workers } from './cluster/workers.js';
import type { Schedules } from './schedules.js';
import type { Trees } from './tree/trees.js';

type Metrics = ReturnType<typeof coordinatorMetrics>;

export interface Seen {
  readonly workers: Workers;
  readonly trees: Trees;
  readonly checkpoints: Checkpoints;
  readonly schedules: Schedules;
}

/** Tells the metrics what a coordinator does. */
export class CoordinatorObserver {
  readonly #metrics: Metrics;
  #term = { number: 0, leads: false };

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** @returns whether that is new */
  term(number: number, leads: boolean): boolean {
    const isNew = this.#term.number !== number || this.#term.leads !== leads;
    this.#term = { number, leads };
    this.#metrics.leader.set(leads ? 1 : 0);
    this.#metrics.term.set(number);
    return isNew;
  }

  lost(): void {
    this.#metrics.workersLost.inc();
  }

  missed(): void {
    this.#metrics.schedulesMissed.inc();
  }

  removed(count: number): void {
    this.#metrics.retentionRemoved.inc(count);
  }

  ended({ state, error, figures = {} }: CheckpointRecord): void {
    this.#metrics.checkpoints.inc({ outcome: state });
    if (error !== undefined) this.#metrics.failures.inc({ code: error.code });
    if (figures.downtimeUs !== undefined) this.#metrics.downtimeSeconds.observe(figures.downtimeUs / 1e6);
    if (state === 'completed') this.#completed(figures);
  }

  #completed(figures: CheckpointFigures): void {
    const { prepareMs, planMs = 0, dumpMs, commitMs, totalMs, logicalBytes = 0, storedBytes = 0 } = figures;
    const { stepSeconds, checkpointSeconds, checkpointBytes, lastCompleted } = this.#metrics;
    if (totalMs !== undefined) checkpointSeconds.observe(totalMs / 1e3);
    // What a leader that is gone has done is not known to the next.
    if (prepareMs !== undefined) stepSeconds.observe({ state: 'preparing' }, prepareMs / 1e3);
    if (dumpMs !== undefined) stepSeconds.observe({ state: 'dumping' }, (planMs + dumpMs) / 1e3);
    if (commitMs !== undefined) stepSeconds.observe({ state: 'committing' }, commitMs / 1e3);
    checkpointBytes.inc({ kind: 'image' }, logicalBytes);
    checkpointBytes.inc({ kind: 'stored' }, storedBytes);
    lastCompleted.setToCurrentTime();
  }

  /** A restart, from the request to its answer: the tasks run again. */
  async restarting<Result>(restart: () => Promise<Result>): Promise<Result> {
    const started = performance.now();
    try {
      const result = await restart();
      this.#metrics.restarts.inc({ outcome: 'restarted' });
      this.#metrics.restartSeconds.observe((performance.now() - started) / 1e3);
      return result;
    } catch (error) {
      this.#metrics.restarts.inc({ outcome: 'failed' });
      throw error;
    }
  }

  /** What the leader sees, again and again. */
  look({ workers, trees, checkpoints, schedules }: Seen): void {
    const list = workers.list();
    this.#metrics.workers.set(list.length);
    this.#metrics.trees.set(trees.running.length);
    this.#metrics.tasks.set(list.reduce((sum, { load }) => sum + load.tasks, 0));
    this.#metrics.schedules.set(schedules.list().length);
    for (const state of CHECKPOINT_STATES)
      if (!isTerminal(state))
        this.#metrics.active.set(
          { state },
          checkpoints.running.filter((record) => record.state === state).length,
        );
  }

  /** It leads no longer: what only the leader tells, it does not tell any more. */
  rest(): void {
    for (const gauge of [
      this.#metrics.workers,
      this.#metrics.trees,
      this.#metrics.tasks,
      this.#metrics.schedules,
    ])
      gauge.set(0);
    this.#metrics.active.reset();
  }
}
