import { CkptError, type ErrorData, errorToData } from '@ckptree/errors';
import type { Forest } from '@ckptree/kernel';
import type { TaskEnd, TreeRecord } from '@ckptree/protocol';

export type TreeState = 'loading' | 'loaded' | 'started' | 'failed';

/** How far a load is, in bytes of memory. */
export interface Loading {
  readonly bytes: number;
  readonly totalBytes: number;
}

/** The part of a tree that this worker hosts: loaded, then started together with the parts of the others. */
export class HostedTree {
  readonly tree: string;
  /** Root of the whole tree, wherever it is. */
  readonly rootPid: number;
  /** Resolves, never rejects, when the load is over. */
  readonly loaded: Promise<void>;
  loading: Loading = { bytes: 0, totalBytes: 0 };
  #ends: TaskEnd[] | undefined = [];
  #state: TreeState = 'loading';
  #forest: Forest | undefined;
  #record: TreeRecord | undefined;
  #failure: ErrorData | undefined;
  #abandoned = false;
  readonly #interruption = new AbortController();

  /** @param load told to give up by its signal */
  constructor(tree: string, rootPid: number, load: (hosted: HostedTree) => Promise<Forest>) {
    this.tree = tree;
    this.rootPid = rootPid;
    this.loaded = this.#load(load);
  }

  get state(): TreeState {
    return this.#state;
  }

  /** Tasks that were loaded. */
  get tasks(): number {
    return this.#forest?.pids.length ?? 0;
  }

  /** How tasks ended here, in the order in which they did. @throws ESRCH that is forgotten by now */
  get ends(): TaskEnd[] {
    if (this.#ends !== undefined) return this.#ends;
    throw new CkptError(
      'ESRCH',
      `how the tasks of tree ${this.tree} ended here is forgotten; the events tell`,
    );
  }

  forgetEnds(): void {
    this.#ends = undefined;
  }

  get failure(): ErrorData | undefined {
    return this.#failure;
  }

  /** Raised when the load is given up. */
  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  /** What the cluster knew of it when it was started, for a cluster that has lost that. */
  get record(): TreeRecord | undefined {
    return this.#record;
  }

  /** Lets the tasks run. Told twice, it does nothing. @throws EBUSY it is not loaded yet; what the load threw */
  start(frozen: boolean, record?: TreeRecord): void {
    if (this.#state === 'started') return;
    if (this.#forest === undefined || this.#state !== 'loaded')
      throw new CkptError('EBUSY', `tree ${this.tree} is ${this.#state} and cannot be started`);
    this.#forest.start({ frozen });
    this.#state = 'started';
    this.#record = record;
  }

  /** Gives up what was loaded, or is being loaded. @throws EBUSY its tasks run already */
  async abandon(): Promise<void> {
    if (this.#state === 'started')
      throw new CkptError('EBUSY', `tree ${this.tree} runs and cannot be abandoned; kill it`);
    this.#abandoned = true;
    this.#interruption.abort(new CkptError('EINTR', 'the load was given up'));
    await this.loaded;
    await this.#forest?.abandon();
  }

  async #load(load: (hosted: HostedTree) => Promise<Forest>): Promise<void> {
    try {
      this.#forest = await load(this);
      this.#state = 'loaded';
    } catch (error) {
      this.#failure = errorToData(error);
      this.#state = this.#abandoned ? 'loading' : 'failed';
    }
  }
}
