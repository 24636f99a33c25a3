import { asCkptError, CkptError } from '@ckptree/errors';

/** Resolves when the dependency can be used; rejects with the reason when not. */
export type Check = () => Promise<void> | void;

export type CheckResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** A check that takes longer has failed. */
const CHECK_TIMEOUT_MS = 2_000;
/** However often it is asked for, a check runs no more often than this. */
const FRESH_MS = 500;

/** What a service needs to do its work, as named checks. */
export class Readiness {
  readonly #checks = new Map<string, Check>();
  #last: { readonly at: number; readonly report: Promise<ReadinessReport> } | undefined;

  /** @returns takes the check away again */
  add(name: string, check: Check): () => void {
    if (this.#checks.has(name)) throw new CkptError('EEXIST', `there is a readiness check "${name}" already`);
    this.#checks.set(name, check);
    this.#last = undefined;
    return () => {
      this.#checks.delete(name);
      this.#last = undefined;
    };
  }

  report(): Promise<ReadinessReport> {
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at > FRESH_MS)
      this.#last = { at: now, report: this.#run() };
    return this.#last.report;
  }

  async #run(): Promise<ReadinessReport> {
    const checks = Object.fromEntries(
      await Promise.all(
        [...this.#checks].map(async ([name, check]) => [name, await resultOf(check)] as const),
      ),
    );
    return { ready: Object.values(checks).every(({ ok }) => ok), checks };
  }
}

async function resultOf(check: Check): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new CkptError('ETIMEDOUT', `no answer within ${CHECK_TIMEOUT_MS} ms`)),
      CHECK_TIMEOUT_MS,
    );
  });
  try {
    await Promise.race([Promise.resolve().then(check), late]);
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: asCkptError(error).message };
  } finally {
    clearTimeout(timer);
  }
}
