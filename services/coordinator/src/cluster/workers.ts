import { CkptError } from '@ckptree/errors';
import type { Connection, EventPublisher, Records, WorkerRecord } from '@ckptree/protocol';

/** A worker that has not been heard of for so long is lost. */
export const SILENT_MS = 6_000;
const LOOK_MS = 500;

export interface WorkersParts {
  readonly connection: Connection;
  readonly workers: Records['workers'];
  readonly events: EventPublisher;
  /** Ids of the trees of which a worker hosts a part. */
  readonly treesOn: (worker: string) => readonly string[];
  readonly onJoined: (worker: string) => void;
  readonly onLost: (worker: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Known {
  readonly record: WorkerRecord;
  /** Of the record. */
  readonly revision: number;
  /** When its last heartbeat came, by performance.now(). */
  heard: number;
  /** Tasks that were given to it since, of which its record does not tell. */
  given: number;
  /** Aborted when what it hosts is lost. */
  readonly lost: AbortController;
}

/** The workers that are alive, as their heartbeats tell. Only the leader looks. */
export class Workers {
  readonly #parts: WorkersParts;
  readonly #known = new Map<string, Known>();
  /** Silent ones whose record is being read. */
  readonly #doubted = new Set<string>();
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #watching: Promise<void>;
  /** Resolves when those that were there at the beginning are known. @throws what kept it from knowing them; EINTR it was closed */
  readonly ready: Promise<void>;

  constructor(parts: WorkersParts) {
    this.#parts = parts;
    let caughtUp: () => void = () => undefined;
    let failed: (error: unknown) => void = () => undefined;
    this.ready = new Promise((resolve, reject) => {
      caughtUp = resolve;
      failed = reject;
    });
    this.ready.catch(() => undefined); // told to whoever waits for it
    this.#watching = this.#watch(caughtUp, failed);
    this.#timer = setInterval(() => this.#sweep(), LOOK_MS).unref();
  }

  list(): WorkerRecord[] {
    return [...this.#known.values()]
      .map(({ record }) => record)
      .sort((one, other) => (one.worker < other.worker ? -1 : 1));
  }

  isAlive(worker: string): boolean {
    return this.#known.has(worker);
  }

  /**
   * Does something that needs what these workers host, and gives it up when one of them is lost or started anew: whoever waits for
   * the answer of one that is gone waits in vain.
   * @throws EPIPE which worker is gone; else what `work` throws
   */
  async whileAlive<T>(
    ids: readonly string[],
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const lost = AbortSignal.any(
      ids.map((id) => this.#known.get(id)?.lost.signal ?? AbortSignal.abort(lossOf(id))),
    );
    try {
      return await work(AbortSignal.any([signal, lost]));
    } catch (error) {
      if (lost.aborted && !signal.aborted) throw lost.reason;
      throw error;
    }
  }

  /** Those that take new tasks; what was given to them counts already. @throws EAGAIN there is none */
  serving(): WorkerRecord[] {
    const serving = this.list().filter(({ state }) => state === 'serving');
    if (serving.length > 0)
      return serving.map((record) => ({
        ...record,
        load: { ...record.load, tasks: record.load.tasks + (this.#known.get(record.worker)?.given ?? 0) },
      }));
    throw new CkptError('EAGAIN', 'there is no worker to host tasks; start one: ckptree worker');
  }

  /** Whoever starts the next tree before a worker tells of these tasks itself is to know of them. */
  give(worker: string, tasks: number): void {
    const known = this.#known.get(worker);
    if (known !== undefined) known.given += tasks;
  }

  /** @throws ENOENT no such worker is alive */
  get(worker: string): WorkerRecord {
    const known = this.#known.get(worker);
    if (known !== undefined) return known.record;
    throw new CkptError(
      'ENOENT',
      `there is no worker ${worker}; those that are there: ${[...this.#known.keys()].join(', ') || 'none'}`,
      { worker },
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort(new CkptError('EINTR', 'the term has ended'));
    await this.#watching;
  }

  async #watch(onCaughtUp: () => void, onFailed: (error: unknown) => void): Promise<void> {
    const { workers, onError } = this.#parts;
    const { signal } = this.#abort;
    try {
      for await (const { key, value, revision } of workers.watch({ signal, onCaughtUp })) {
        if (value === undefined) this.#lose(key, 'left');
        else this.#hear(value, revision);
      }
      onFailed(signal.reason);
    } catch (error) {
      onFailed(error);
      if (!signal.aborted) onError(error);
    }
  }

  #hear(record: WorkerRecord, revision: number): void {
    const { worker, host, started } = record;
    const known = this.#known.get(worker);
    const isKnown = known?.record.started === started;
    const lost = isKnown ? known.lost : new AbortController();
    this.#known.set(worker, { record, revision, heard: performance.now(), given: 0, lost });
    if (isKnown) return;
    // The same name, started anew: what the one before hosted is gone.
    if (known !== undefined) this.#isLost(known, 'silent');
    this.#tell({ type: 'worker.joined', worker, host }, `${worker}.joined.${Date.parse(started)}`);
    this.#parts.onJoined(worker);
  }

  #sweep(): void {
    const now = performance.now();
    if (!this.#parts.connection.connected) {
      // During an outage of NATS nobody can be heard.
      for (const known of this.#known.values()) known.heard = now;
      return;
    }
    for (const [worker, { heard }] of this.#known)
      if (now - heard > SILENT_MS && !this.#doubted.has(worker)) {
        this.#doubted.add(worker);
        void this.#doubt(worker).finally(() => this.#doubted.delete(worker));
      }
  }

  /**
   * Silence may be our own deafness: this process stood still, or the server that kept our consumer is gone. What the worker said
   * last is in its record, and only when that is not newer than what was heard, it is lost.
   */
  async #doubt(worker: string): Promise<void> {
    const { workers, onError } = this.#parts;
    try {
      const entry = await workers.get(worker);
      const known = this.#known.get(worker);
      if (known === undefined || this.#abort.signal.aborted) return;
      if (entry !== undefined && entry.revision > known.revision) this.#hear(entry.value, entry.revision);
      else if (performance.now() - known.heard > SILENT_MS) this.#lose(worker, 'silent');
    } catch (error) {
      // Asked again at the next look.
      if (!this.#abort.signal.aborted) onError(error);
    }
  }

  #lose(worker: string, reason: 'silent' | 'left'): void {
    const known = this.#known.get(worker);
    if (known === undefined) return;
    this.#known.delete(worker);
    this.#isLost(known, reason);
  }

  #isLost({ record: { worker, started }, lost }: Known, reason: 'silent' | 'left'): void {
    const trees = [...this.#parts.treesOn(worker)];
    this.#tell({ type: 'worker.lost', worker, reason, trees }, `${worker}.lost.${Date.parse(started)}`);
    lost.abort(lossOf(worker));
    this.#parts.onLost(worker);
  }

  #tell(event: Parameters<EventPublisher['publish']>[0], id: string): void {
    this.#parts.events.publish(event, id).catch(this.#parts.onError);
  }
}

const lossOf = (worker: string): CkptError =>
  new CkptError('EPIPE', `worker ${worker} is gone, and with it what it hosted`, { worker });
