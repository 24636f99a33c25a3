import { collectGarbage, verifyStorage } from '@ckptree/carrier';
import { CkptError } from '@ckptree/errors';
import { CONTROL_KEYS, type Connection, type Records, type UpkeepRecord } from '@ckptree/protocol';

/** How often it is looked whether something is due: what failed is tried again so soon. */
const LOOK_MS = 10 * 60_000;
/** Of all chunks, the share that a verification reads, drawn at random. Structure and references are checked as a whole. */
const SAMPLE = 0.05;

/** What the store needs again and again, each done by a storage service. @returns what is wrong with the store, if anything is */
const JOBS = {
  async gc(connection: Connection, signal: AbortSignal): Promise<CkptError | undefined> {
    await collectGarbage(connection, { signal });
    return undefined;
  },
  async verify(connection: Connection, signal: AbortSignal): Promise<CkptError | undefined> {
    const options = { readData: true, sample: SAMPLE, signal };
    const { ok, findings, damaged } = await verifyStorage(connection, options);
    if (ok) return undefined;
    const what = findings.map(({ object }) => object).concat(damaged.map(({ checkpoint }) => checkpoint));
    return new CkptError(
      'EIO',
      `the store is damaged (${what.slice(0, 5).join(', ')}): run \`ckptree store verify\``,
    );
  },
};
type Job = keyof typeof JOBS;

export interface UpkeepParts {
  readonly connection: Connection;
  readonly records: Records['upkeep'];
  /** How often each is done, in milliseconds; 0: never. */
  readonly everyMs: Readonly<Record<Job, number>>;
  /** Told of damage, and of jobs that failed. */
  readonly onError: (error: unknown) => void;
}

/** Collects garbage and verifies the store, one after the other, while this coordinator leads. When that was last done stands in a record, for the next one. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #end = new AbortController();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #waiting = new Set<Job>();
  /** Resolves when the last job has ended: both read and rewrite the same packs. */
  #last: Promise<unknown> = Promise.resolve();
  #record: UpkeepRecord;

  private constructor(parts: UpkeepParts, record: UpkeepRecord) {
    const { everyMs, onError } = parts;
    this.#parts = parts;
    this.#record = record;
    const look = (job: Job) =>
      this.#look(job).catch((error: unknown) => {
        if (!this.#end.signal.aborted) onError(error);
      });
    this.#timers = (Object.keys(JOBS) as Job[])
      .filter((job) => everyMs[job] > 0)
      .map((job) => setInterval(() => void look(job), Math.min(LOOK_MS, everyMs[job])));
  }

  static async begin(parts: UpkeepParts): Promise<Upkeep> {
    const entry = await parts.records.get(CONTROL_KEYS.upkeep);
    return new Upkeep(parts, entry?.value ?? { version: 1 });
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#end.abort(new CkptError('EINTR', 'this coordinator leads no longer'));
  }

  async #look(job: Job): Promise<void> {
    const last = this.#record[job];
    const isDue = last === undefined || Date.now() - Date.parse(last) >= this.#parts.everyMs[job];
    if (!isDue || this.#waiting.has(job)) return;
    this.#waiting.add(job);
    const turn = this.#last.then(() => this.#do(job)).finally(() => this.#waiting.delete(job));
    this.#last = turn.catch(() => undefined); // told to whoever looked
    await turn;
  }

  async #do(job: Job): Promise<void> {
    const { connection, records, onError } = this.#parts;
    this.#end.signal.throwIfAborted();
    const began = new Date().toISOString();
    const damage = await JOBS[job](connection, this.#end.signal);
    if (damage !== undefined) onError(damage);
    this.#record = { ...this.#record, [job]: began };
    await records.put(CONTROL_KEYS.upkeep, this.#record);
  }
}
