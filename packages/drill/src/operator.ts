import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@ckptree/client';
import { attempt } from './attempt.js';
import { NATS_LOST } from './faults.js';
import type { Random } from './random.js';
import type { DrillRecord } from './record.js';
import { rootPidOf } from './user-tree.js';

/** So many checkpoints of a name stay. */
export const KEEP_LAST = 10;

/** Between two things that an operator does. */
const PACE_MS = { least: 500, most: 5_000 } as const;
/** Between two checkpoints of a schedule. */
const EVERY_MS = { least: 1_000, most: 8_000 } as const;
/** At the end, schedules are ended so often: somebody may still be lost. */
const LAST_TRIES = 10;

export interface OperatorParts {
  readonly client: Client;
  readonly random: Random;
  readonly record: DrillRecord;
  readonly users: number;
  /** Raised when no more is to be begun. */
  readonly over: AbortSignal;
}

/** Somebody who looks after the cluster: has checkpoints of the users' trees taken again and again, and old ones forgotten. */
export class Operator {
  readonly #parts: OperatorParts;
  /** Schedules that were made, or ended, and whoever asks must be told so. */
  readonly #isThere = new Map<string, boolean>();

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { over, random } = this.#parts;
    while (!over.aborted) {
      await random.pick([() => this.#schedule(), () => this.#unschedule(), () => this.#forget()])();
      await this.#check();
      await sleep(random.between(PACE_MS.least, PACE_MS.most), undefined, { signal: over }).catch(
        () => undefined,
      );
    }
    await this.#endAll();
  }

  async #schedule(): Promise<void> {
    const { client, random, record } = this.#parts;
    const user = this.#user();
    const schedule = scheduleOf(user);
    const everyMs = Math.floor(random.between(EVERY_MS.least, EVERY_MS.most));
    await this.#change(schedule, true, () =>
      attempt(record, 'schedule', () =>
        client.schedule({ schedule, pid: rootPidOf(user), everyMs, name: `scheduled-${user}` }),
      ),
    );
  }

  async #unschedule(): Promise<void> {
    const schedule = scheduleOf(this.#user());
    if (this.#isThere.get(schedule) === true) await this.#end(schedule);
  }

  async #end(schedule: string): Promise<void> {
    const { client, record } = this.#parts;
    await this.#change(schedule, false, () =>
      attempt(record, 'unschedule', async () => {
        await client.unschedule(schedule);
        return true;
      }),
    );
  }

  /** What was refused may have been done, or not. */
  async #change(schedule: string, isThere: boolean, work: () => Promise<unknown>): Promise<void> {
    this.#isThere.delete(schedule);
    if ((await work()) !== undefined) this.#isThere.set(schedule, isThere);
  }

  async #forget(): Promise<void> {
    const { client, record } = this.#parts;
    const rules = { keepLast: KEEP_LAST };
    if ((await attempt(record, 'retention', () => client.retention(rules))) === undefined) return;
    const applied = await attempt(record, 'forget', () => client.applyRetention());
    if (applied !== undefined && applied.forgotten.length > 0)
      record.count('forgotten', `${applied.forgotten.length} checkpoints`);
  }

  async #check(): Promise<void> {
    const { client, record } = this.#parts;
    const schedules = await attempt(record, 'schedules', () => client.schedules());
    if (schedules === undefined) return;
    const listed = new Set(schedules.map(({ schedule }) => schedule));
    for (const [schedule, isThere] of this.#isThere) {
      if (listed.has(schedule) === isThere) continue;
      if (!isThere || !record.isExplained(NATS_LOST))
        record.violation(
          `schedule ${schedule} was ${isThere ? 'made' : 'ended'}, and is ${isThere ? 'not ' : ''}there`,
        );
      this.#isThere.delete(schedule);
    }
  }

  async #endAll(): Promise<void> {
    const { client, record } = this.#parts;
    for (let tries = 0; tries < LAST_TRIES; tries++) {
      const schedules = await attempt(record, 'schedules', () => client.schedules());
      if (schedules?.length === 0) return;
      for (const { schedule } of schedules ?? []) await this.#end(schedule);
    }
    record.violation('schedules cannot be ended');
  }

  #user(): number {
    const { random, users } = this.#parts;
    return Math.floor(random.between(0, users));
  }
}

const scheduleOf = (user: number): string => `user-${user}`;
