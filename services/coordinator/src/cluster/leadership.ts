import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { CONTROL_KEYS, type Connection, type Records } from '@ckptree/protocol';

/** How often the leader says that it leads. */
const RENEW_MS = 1_000;
/** A leader that could not say so for this long stops: before anybody else may take over. */
const GIVE_UP_MS = 2_500;
/** Whoever sees no change for this long takes over. */
const TAKE_MS = 3_000;

/** A time of leading, which ends when the signal is raised. */
export interface Term {
  /**
   * Grows with each leader; written into every record that is touched, so that an older leader finds out. 1: as far as is known nobody
   * has led before.
   */
  readonly number: number;
  readonly signal: AbortSignal;
}

export interface LeadershipParts {
  readonly connection: Pick<Connection, 'whenConnected'>;
  readonly leader: Records['leader'];
  /** Makes the bucket of that record, and the others, when it is not there. */
  readonly setUp: () => Promise<void>;
  readonly instance: string;
  /** Resolves when all of it has ended, soon after the term's signal. */
  readonly lead: (term: Term) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly onTerm: (term: number, leads: boolean) => void;
}

/**
 * One of several coordinators leads. The leader renews a record by compare-and-set; the others watch its revision against
 * their own clocks. Nobody's clock is compared with anybody else's.
 */
export class Leadership {
  readonly #parts: LeadershipParts;
  readonly #stop = new AbortController();
  /** The last term that this one has seen: the record of it may be lost. */
  #seen = 0;
  readonly #running: Promise<void>;

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
    this.#running = this.#run();
  }

  /** Leads no longer, and lets another take over at once. */
  async end(): Promise<void> {
    this.#stop.abort(new CkptError('EINTR', 'the coordinator ends'));
    await this.#running;
  }

  async #run(): Promise<void> {
    let seen: { revision: number; at: number } | undefined;
    while (!this.#stop.signal.aborted) {
      try {
        // What is asked during an outage is not answered, and would be waited for when it is over.
        await this.#parts.connection.whenConnected(this.#stop.signal);
        const taken = await this.#look(seen);
        if (taken.leads !== undefined) {
          await this.#lead(taken.leads);
          seen = undefined;
          continue;
        }
        seen = taken.seen;
      } catch (error) {
        // During an outage nobody's silence says anything.
        seen = undefined;
        if (!this.#stop.signal.aborted) this.#parts.onError(error);
      }
      await this.#pause(RENEW_MS / 4);
    }
  }

  /** Takes the lead when it is free, or silent for too long. */
  async #look(seen: { revision: number; at: number } | undefined): Promise<{
    readonly leads?: { readonly term: number; readonly revision: number };
    readonly seen?: { revision: number; at: number };
  }> {
    const { leader, setUp } = this.#parts;
    if (!(await leader.isReady())) await setUp();
    const now = performance.now();
    const entry = await leader.get(CONTROL_KEYS.leader);
    if (entry === undefined) {
      const term = this.#seen + 1;
      const revision = await leader.create(CONTROL_KEYS.leader, this.#record(term));
      return revision === undefined ? {} : { leads: { term, revision } };
    }
    const { term, instance } = entry.value;
    this.#seen = Math.max(this.#seen, term);
    this.#parts.onTerm(term, false);
    const last = seen?.revision === entry.revision ? seen : { revision: entry.revision, at: now };
    // A leader that ended in order has left its place empty.
    if (instance !== NOBODY && now - last.at < TAKE_MS) return { seen: last };
    const next = this.#seen + 1;
    const revision = await leader.update(CONTROL_KEYS.leader, this.#record(next), entry.revision);
    return revision === undefined ? {} : { leads: { term: next, revision } };
  }

  async #lead({ term, revision }: { readonly term: number; readonly revision: number }): Promise<void> {
    this.#seen = term;
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, this.#stop.signal]);
    this.#parts.onTerm(term, true);
    const work = this.#parts.lead({ number: term, signal }).catch((error) => {
      this.#parts.onError(error);
      lost.abort(error);
    });
    const last = await this.#renew(term, revision, signal);
    lost.abort(new CkptError('EPERM', `another coordinator leads, or may, since term ${term}`));
    this.#parts.onTerm(term, false);
    await work;
    if (this.#stop.signal.aborted && last !== undefined) await this.#leave(term, last);
  }

  /** Says again and again that this one leads, until it may not any more. @returns the revision, when it still leads */
  async #renew(term: number, first: number, signal: AbortSignal): Promise<number | undefined> {
    let revision = first;
    let said = performance.now();
    while (!signal.aborted) {
      await this.#pause(RENEW_MS, signal);
      if (signal.aborted) break;
      const asked = performance.now();
      try {
        const left = Math.max(1, GIVE_UP_MS - (asked - said));
        const renewed = await Promise.race([
          this.#parts.leader.update(CONTROL_KEYS.leader, this.#record(term), revision),
          sleep(left, 'late' as const, { ref: false }),
        ]);
        if (renewed === undefined || renewed === 'late') return undefined;
        revision = renewed;
        said = asked;
      } catch (error) {
        this.#parts.onError(error);
      }
      if (performance.now() - said > GIVE_UP_MS) return undefined;
    }
    return revision;
  }

  async #leave(term: number, revision: number): Promise<void> {
    try {
      const record = { ...this.#record(term), instance: NOBODY };
      await this.#parts.leader.update(CONTROL_KEYS.leader, record, revision);
    } catch (error) {
      // The others will find that it is silent.
      this.#parts.onError(error);
    }
  }

  #record(term: number) {
    return { version: 1 as const, instance: this.#parts.instance, term, at: new Date().toISOString() };
  }

  async #pause(ms: number, signal = this.#stop.signal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

const NOBODY = 'nobody';
