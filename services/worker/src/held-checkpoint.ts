import { type Assignment, describePart, type Skeleton } from '@ckptree/checkpoint';
import { CkptError, type ErrorData, errorFromData, errorToData } from '@ckptree/errors';
import type { HeldCut, Resumed } from '@ckptree/kernel';
import type { Store } from '@ckptree/store';
import { type DumpedPart, type DumpProgress, dumpPart } from './dump-part.js';
import { News } from './news.js';
import type { WorkerObserver } from './worker-observer.js';

export type CheckpointState = 'prepared' | 'held' | 'dumping' | 'sealed' | 'failed';

export interface HeldCheckpointParts {
  readonly checkpoint: string;
  /** The task that is saved, with all below it. */
  readonly pid: number;
  readonly worker: string;
  readonly tree: string;
  readonly cut: HeldCut;
  readonly observer: WorkerObserver;
  readonly store: () => Promise<Store>;
  readonly onProgress: (progress: DumpProgress) => void;
}

/** What was stored of a dump, for whoever composes the image. */
export type Sealed = Omit<DumpedPart, 'session'>;

/**
 * A checkpoint on this worker, from the cut to the durable segments. Whoever leads it may change on the way, so each step
 * may be asked for again: what is done is only told.
 */
export class HeldCheckpoint {
  readonly checkpoint: string;
  readonly pid: number;
  readonly tree: string;
  readonly cut: HeldCut;
  readonly #parts: HeldCheckpointParts;
  readonly #interruption = new AbortController();
  readonly #news = new News();
  #state: CheckpointState = 'prepared';
  #resumed: Resumed | undefined;
  #progress: DumpProgress = { bytes: 0, totalBytes: 0, mms: [] };
  #dumping: Promise<void> | undefined;
  #dumped: DumpedPart | undefined;
  #failure: ErrorData | undefined;
  /** When somebody asked last, by performance.now(). */
  asked = performance.now();

  constructor(parts: HeldCheckpointParts) {
    this.checkpoint = parts.checkpoint;
    this.pid = parts.pid;
    this.tree = parts.tree;
    this.cut = parts.cut;
    this.#parts = parts;
  }

  get state(): CheckpointState {
    return this.#state;
  }

  get progress(): DumpProgress {
    return this.#progress;
  }

  get failure(): ErrorData | undefined {
    return this.#failure;
  }

  resume(): Resumed {
    if (this.#resumed === undefined) {
      this.#resumed = this.cut.resume();
      this.#parts.observer.resumed(this.cut.timing, this.#resumed);
    }
    if (this.#state === 'prepared') this.#state = 'held';
    return this.#resumed;
  }

  /** @throws EBUSY its tasks still stand still; what putting the cut together throws; ENOSYS, EBUSY it cannot be saved */
  async describe(): Promise<Skeleton> {
    this.#checkResumed();
    return describePart(this.#parts.worker, await this.cut.tree);
  }

  /** Begins to dump; `waitForNews` and `sealed` tell how it goes. @throws EBUSY its tasks still stand still */
  dump(assignment: Assignment, parent: string | undefined): void {
    this.#checkResumed();
    if (this.#dumping !== undefined) return;
    this.#state = 'dumping';
    this.#dumping = this.#dump(assignment, parent);
  }

  /** Resolves when there is something new to tell, or it has become late. */
  waitForNews(waitMs: number): Promise<void> {
    return this.#state === 'dumping' ? this.#news.wait(waitMs) : Promise.resolve();
  }

  /** @throws EBUSY it is not sealed; what the dump threw */
  get sealed(): Sealed {
    if (this.#failure !== undefined) throw errorFromData(this.#failure);
    if (this.#dumped === undefined)
      throw new CkptError('EBUSY', `the dump of checkpoint ${this.checkpoint} is not sealed yet`);
    return this.#dumped;
  }

  /**
   * Gives everything back, at whatever step it is: the tasks run, the snapshots are gone.
   * @returns what resolves when nothing keeps the chunks any more; storage that does not answer holds that up
   */
  release(): { readonly ended: Promise<void> } {
    this.#interruption.abort(new CkptError('EINTR', 'the checkpoint was given up'));
    this.cut.release();
    return { ended: this.#end() };
  }

  async #end(): Promise<void> {
    await this.#dumping;
    await this.#dumped?.session.end();
  }

  async #dump(assignment: Assignment, parent: string | undefined): Promise<void> {
    const { worker, store, observer, onProgress } = this.#parts;
    const started = performance.now();
    try {
      const part = await this.cut.tree;
      this.#dumped = await dumpPart(await store(), part, assignment, {
        worker,
        ...(parent !== undefined && { parent }),
        signal: this.#interruption.signal,
        onProgress: (progress) => {
          this.#progress = progress;
          this.#news.announce();
          onProgress(progress);
        },
      });
      this.#state = 'sealed';
      const { logicalBytes, stored } = this.#dumped;
      const bytes = { memory: logicalBytes, stored: stored.added.stored };
      observer.dumped((performance.now() - started) / 1e3, bytes);
    } catch (error) {
      this.#failure = errorToData(error);
      this.#state = 'failed';
      observer.notDumped(this.#interruption.signal.aborted ? 'cancelled' : 'failed');
    } finally {
      // While snapshots are held, each page that a task writes costs a copy.
      this.cut.release();
      this.#news.announce();
    }
  }

  #checkResumed(): void {
    if (this.#resumed === undefined)
      throw new CkptError(
        'EBUSY',
        `the tasks of checkpoint ${this.checkpoint} still stand still; resume them first`,
      );
  }
}
