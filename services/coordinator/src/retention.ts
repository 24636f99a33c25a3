import { type ErrorData, errorToData } from '@ckptree/errors';
import { CONTROL_KEYS, type Records, type RetentionPolicy } from '@ckptree/protocol';
import type { Store } from '@ckptree/store';

/** How often the policy is applied by itself. */
const APPLY_MS = 10 * 60_000;

export interface RetentionParts {
  readonly records: Records['retention'];
  readonly store: () => Promise<Store>;
  readonly onRemoved: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

/** When the policy was applied last, and why that failed, if it did. */
export interface RetentionRun {
  readonly lastRun?: string;
  readonly lastError?: ErrorData;
}

/** Which checkpoints are kept, of each name by itself. Without rules all are. */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #timer: NodeJS.Timeout;
  #policy: RetentionPolicy;
  #lastRun: RetentionRun = {};

  private constructor(parts: RetentionParts, policy: RetentionPolicy) {
    this.#parts = parts;
    this.#policy = policy;
    this.#timer = setInterval(() => void this.apply(false).catch(parts.onError), APPLY_MS).unref();
  }

  static async begin(parts: RetentionParts): Promise<Retention> {
    const entry = await parts.records.get(CONTROL_KEYS.retention);
    return new Retention(parts, entry?.value.policy ?? {});
  }

  get policy(): RetentionPolicy {
    return this.#policy;
  }

  /** Empty when it was not applied yet while this coordinator leads. */
  get lastRun(): RetentionRun {
    return this.#lastRun;
  }

  async set(policy: RetentionPolicy): Promise<void> {
    await this.#parts.records.put(CONTROL_KEYS.retention, { version: 1, policy });
    this.#policy = policy;
  }

  /** Removes what the policy does not keep. @returns what goes, or would go */
  async apply(dryRun: boolean): Promise<string[]> {
    if (Object.keys(this.#policy).length === 0) return [];
    if (dryRun) return this.#plan(await this.#parts.store());
    const lastRun = new Date().toISOString();
    try {
      const forgotten = await this.#forget();
      this.#lastRun = { lastRun };
      return forgotten;
    } catch (error) {
      this.#lastRun = { lastRun, lastError: errorToData(error) };
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #forget(): Promise<string[]> {
    const store = await this.#parts.store();
    const forgotten = await this.#plan(store);
    if (forgotten.length === 0) return [];
    await store.forget(forgotten);
    this.#parts.onRemoved(forgotten.length);
    return forgotten;
  }

  async #plan(store: Store): Promise<string[]> {
    return (await store.plan(this.#policy)).map(({ id }) => id);
  }
}
