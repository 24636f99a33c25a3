import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { Kernel } from '@ckptree/kernel';
import type { Store } from '@ckptree/store';
import type { DumpProgress } from './dump-part.js';
import { HeldCheckpoint } from './held-checkpoint.js';
import type { HostedTree } from './hosted-tree.js';
import type { WorkerObserver } from './worker-observer.js';

/** A checkpoint that nobody has asked for in so long is given up: whoever led it is gone, and nobody took over. */
const FORGOTTEN_MS = 10 * 60_000;
const LOOK_MS = 30_000;
const IDLE_LOOK_MS = 50;

export interface HeldCheckpointsParts {
  readonly kernel: Kernel;
  readonly worker: string;
  readonly store: () => Promise<Store>;
  readonly observer: WorkerObserver;
  readonly onProgress: (checkpoint: HeldCheckpoint, progress: DumpProgress) => void;
  /** Of what was forgotten; releasing it may fail. */
  readonly onError: (error: unknown) => void;
}

export interface PrepareRequest {
  readonly checkpoint: string;
  readonly pid: number;
  readonly roots: readonly number[];
  readonly leaseMs: number;
}

/** The checkpoints in which this worker takes part now. */
export class HeldCheckpoints {
  readonly #parts: HeldCheckpointsParts;
  readonly #held = new Map<string, Promise<HeldCheckpoint>>();
  readonly #settled = new Map<string, HeldCheckpoint>();
  /** What was released, and has not ended its work with the store. */
  readonly #ending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: HeldCheckpointsParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#giveUpForgotten(), LOOK_MS).unref();
  }

  get all(): readonly HeldCheckpoint[] {
    return [...this.#settled.values()];
  }

  /** How many are being dumped. */
  get dumping(): number {
    return this.all.filter(({ state }) => state === 'dumping').length;
  }

  /**
   * Resolves when no checkpoint is under way here any more, or `deadline` is raised. What is sealed is under way until it is released:
   * whoever leads the checkpoint still has to ask for it.
   */
  async idle(deadline: AbortSignal): Promise<void> {
    while (this.#areUnderWay && !deadline.aborted) await sleep(IDLE_LOOK_MS);
  }

  /**
   * Freezes and snapshots. The tasks stand still until resume(), release(), or the end of the lease.
   * @throws EBUSY another checkpoint holds some of the tasks; ETIMEDOUT they did not stop in time
   */
  async prepare(hosted: HostedTree, request: PrepareRequest): Promise<HeldCheckpoint> {
    const known = this.#held.get(request.checkpoint);
    if (known !== undefined) return known;
    const preparing = this.#hold(hosted, request);
    const { checkpoint } = request;
    this.#held.set(checkpoint, preparing);
    // It may have been released meanwhile, and even be prepared anew.
    const isWanted = (): boolean => this.#held.get(checkpoint) === preparing;
    try {
      const held = await preparing;
      if (isWanted()) this.#settled.set(checkpoint, held);
      return held;
    } catch (error) {
      if (isWanted()) this.#held.delete(checkpoint);
      throw error;
    }
  }

  find(checkpoint: string): HeldCheckpoint | undefined {
    const held = this.#settled.get(checkpoint);
    if (held !== undefined) held.asked = performance.now();
    return held;
  }

  /** @throws EPIPE it was released, or held by the process before this one */
  get(checkpoint: string): HeldCheckpoint {
    const held = this.find(checkpoint);
    if (held === undefined)
      throw new CkptError(
        'EPIPE',
        `worker ${this.#parts.worker} takes no part in checkpoint ${checkpoint}: it was released, or the worker was started anew`,
        { worker: this.#parts.worker },
      );
    return held;
  }

  /** When it resolves, tasks and snapshots are free; its dump may be on its way to an end. Nothing is done for one that is not here. */
  async release(checkpoint: string): Promise<void> {
    const held = this.#held.get(checkpoint);
    this.#held.delete(checkpoint);
    this.#settled.delete(checkpoint);
    // A cut that failed has nothing to give back, and its caller was told.
    await held?.then(
      (there) => this.#release(there),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#held.keys()].map((checkpoint) => this.release(checkpoint)));
    await Promise.all(this.#ending);
  }

  get #areUnderWay(): boolean {
    return this.#held.size > this.all.filter(({ state }) => state === 'failed').length;
  }

  #release(held: HeldCheckpoint): void {
    const ending: Promise<void> = held
      .release()
      .ended.catch(this.#parts.onError)
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #hold(
    hosted: HostedTree,
    { checkpoint, pid, roots, leaseMs }: PrepareRequest,
  ): Promise<HeldCheckpoint> {
    const { kernel, worker, store, observer, onProgress } = this.#parts;
    // Of a whole tree also what became a fragment of it after it was started.
    const scope = roots.includes(hosted.rootPid) ? { rootPid: hosted.rootPid } : { pids: roots };
    const cut = await kernel.hold(scope, { leaseMs });
    const held: HeldCheckpoint = new HeldCheckpoint({
      checkpoint,
      pid,
      worker,
      tree: hosted.tree,
      cut,
      observer,
      store,
      onProgress: (progress) => onProgress(held, progress),
    });
    return held;
  }

  #giveUpForgotten(): void {
    const oldest = performance.now() - FORGOTTEN_MS;
    for (const { checkpoint, asked } of this.#settled.values())
      if (asked < oldest) this.release(checkpoint).catch(this.#parts.onError);
  }
}
