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

/** Which checkpoints are kept, of each name by itself. Without rules all are. */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #timer: NodeJS.Timeout;
  #policy: RetentionPolicy;

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

  async set(policy: RetentionPolicy): Promise<void> {
    await this.#parts.records.put(CONTROL_KEYS.retention, { version: 1, policy });
    this.#policy = policy;
  }

  /** Removes what the policy does not keep. @returns what goes, or would go */
  async apply(dryRun: boolean): Promise<string[]> {
    if (Object.keys(this.#policy).length === 0) return [];
    const store = await this.#parts.store();
    const forgotten = (await store.plan(this.#policy)).map(({ id }) => id);
    if (dryRun || forgotten.length === 0) return forgotten;
    await store.forget(forgotten);
    this.#parts.onRemoved(forgotten.length);
    return forgotten;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
