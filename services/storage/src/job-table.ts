import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { ReplyOf, storageAt } from '@ckptree/protocol';

export type JobReply = ReplyOf<ReturnType<typeof storageAt>['job']['definition']>;
type JobReport = Omit<JobReply, 'done'>;

interface Job {
  readonly kind: string;
  readonly result: Promise<JobReport>;
  done: boolean;
}

/** Jobs whose report may still be asked for. */
const REMEMBERED = 64;
const WAIT_MS = 5_000;

/** Work that takes longer than anybody waits for an answer: it is begun by one request, and asked for by others. */
export class JobTable {
  readonly #jobs = new Map<string, Job>();

  /** One of each kind at a time: who begins a second one gets the first. */
  begin(kind: string, work: () => Promise<JobReport>): string {
    for (const [id, job] of this.#jobs) if (job.kind === kind && !job.done) return id;
    const id = randomBytes(8).toString('hex');
    const job: Job = { kind, result: work(), done: false };
    job.result
      .catch(() => undefined) // whoever asks is told
      .finally(() => {
        job.done = true;
      });
    this.#jobs.set(id, job);
    if (this.#jobs.size > REMEMBERED) this.#forgetOldest();
    return id;
  }

  /** @throws ENOENT no such job; what the job threw */
  async wait(id: string, waitMs = WAIT_MS): Promise<JobReply> {
    const job = this.#jobs.get(id);
    if (job === undefined)
      throw new CkptError('EAGAIN', `there is no job ${id} here any more; begin it anew`);
    const end = new AbortController();
    try {
      const late = sleep(waitMs, undefined, { signal: end.signal, ref: false }).catch(() => undefined);
      const report = await Promise.race([job.result, late]);
      return report === undefined ? { done: false } : { done: true, ...report };
    } finally {
      end.abort();
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#jobs.values()].map(({ result }) => result));
  }

  #forgetOldest(): void {
    const oldest = [...this.#jobs].find(([, { done }]) => done);
    if (oldest !== undefined) this.#jobs.delete(oldest[0]);
  }
}
