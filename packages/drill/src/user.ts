import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckpointOptions, Client, StartedTree, TaskList } from '@ckptree/client';
import { attempt } from './attempt.js';
import type { Random } from './random.js';
import type { DrillRecord } from './record.js';
import type { Results } from './results.js';
import { rootPidOf, treeOf, userOf } from './user-tree.js';

const POLL_MS = 500;
/** Between two things that a user does. */
const PACE_MS = { least: 200, most: 3_000 } as const;
/** Longest that tasks are left frozen. */
const FROZEN_MS = 1_500;
/** Within this of their request most checkpoints are still under way. */
const CANCEL_MS = 800;
/** A tree that runs for so long does not run at all. */
const TREE_LIMIT_MS = 300_000;
/** A worker that was killed as the last fault is lost some seconds later. */
const LAST_TRIES = 5;

export interface UserParts {
  /** Counted from 0. */
  readonly number: number;
  readonly client: Client;
  readonly random: Random;
  readonly record: DrillRecord;
  readonly results: Results;
  /** How long the tasks of a tree work at least. */
  readonly treeSeconds: number;
  /** Ids of the checkpoints that were accepted, of all users. */
  readonly accepted: Set<string>;
  /** Raised when no more is to be begun: the tree that runs then comes to its end. */
  readonly over: AbortSignal;
}

/**
 * Somebody with work to do: starts a tree, takes checkpoints of it, stops it now and then, and starts it again from the last
 * checkpoint when it was lost, until it has come to its end. Then the next.
 */
export class User {
  readonly #parts: UserParts;
  readonly #pid: number;
  /** The last checkpoint that is complete: what to go on from. */
  #saved: string | undefined;
  readonly #waiting = new Set<Promise<unknown>>();

  constructor(parts: UserParts) {
    this.#parts = parts;
    this.#pid = rootPidOf(parts.number);
  }

  async run(): Promise<void> {
    const { over, record, number } = this.#parts;
    while (!over.aborted) await this.#work();
    await Promise.all(this.#waiting);
    // What was lost at the last moment is noticed later.
    for (let tries = 1; !(await this.#work()); tries++)
      if (tries === LAST_TRIES) return record.violation(`user ${number} gets no work done without faults`);
  }

  /** @returns whether a tree has come to its end */
  async #work(): Promise<boolean> {
    const { client, random, record, number, treeSeconds } = this.#parts;
    await this.#clear();
    const from = random.chance(0.8) ? this.#saved : undefined;
    const name = from === undefined ? 'spawn' : 'restart';
    const tree = await attempt(record, name, () =>
      from === undefined ? client.spawn(treeOf(number, treeSeconds)) : client.restart(from),
    );
    if (tree === undefined) {
      await sleep(POLL_MS);
      return false;
    }
    record.count(name, tree.tree);
    const began = performance.now();
    for (;;) {
      const end = await this.#endOf(tree, from === undefined);
      if (end !== undefined) return end === 'ended';
      if (performance.now() - began > TREE_LIMIT_MS) {
        record.violation(`${tree.tree} does not end`);
        return false;
      }
      if (!this.#parts.over.aborted) await this.#act();
      await sleep(random.between(PACE_MS.least, PACE_MS.most));
    }
  }

  /** Kills what is left of the last tree, until nothing of it is. */
  async #clear(): Promise<void> {
    const { client, record } = this.#parts;
    for (;;) {
      await attempt(record, 'kill', () => client.kill(this.#pid));
      if ((await this.#left())?.length === 0) return;
      await sleep(POLL_MS);
    }
  }

  /** The tasks that this user has. @returns undefined when that is not known of all */
  async #left(): Promise<TaskList['tasks'] | undefined> {
    const { client, record, number } = this.#parts;
    const listing = await attempt(record, 'ps', () => client.ps());
    if (listing === undefined || listing.missing.length > 0) return undefined;
    return listing.tasks.filter(({ pid }) => userOf(pid) === number);
  }

  /** @returns undefined while it runs, or nobody knows */
  async #endOf(tree: StartedTree, whole: boolean): Promise<'ended' | 'lost' | undefined> {
    const { client, record, results } = this.#parts;
    const listing = await attempt(record, 'ends', () => client.ends(tree.tree));
    if (listing === undefined) return undefined;
    const { ends, running, missing, lost } = listing;
    if (lost.length > 0) {
      record.count('tree lost', `${tree.tree} with ${lost.join()}`);
      return 'lost';
    }
    if (running > 0 || missing.length > 0) return undefined;
    record.count('tree ended', tree.tree);
    results.check(tree, ends, whole);
    if (whole) this.#saved = undefined;
    return 'ended';
  }

  async #act(): Promise<void> {
    const { client, random, record } = this.#parts;
    const draw = random.between(0, 1);
    if (draw < 0.6) return this.#save();
    if (draw > 0.75) return;
    if ((await attempt(record, 'freeze', () => client.freeze(this.#pid))) === undefined) return this.#thaw();
    await sleep(random.between(0, FROZEN_MS));
    return this.#thaw();
  }

  async #save(): Promise<void> {
    const { client, random, record, accepted, number } = this.#parts;
    const options: CheckpointOptions = random.pick([{}, {}, {}, {}, { leaveFrozen: true }]);
    const labels = { user: String(number) };
    const handle = await attempt(record, 'request', () =>
      client.checkpoint(this.#pid, { ...options, labels }),
    );
    if (handle === undefined) return;
    const { id } = handle;
    accepted.add(id);
    if (random.chance(0.15)) this.#cancelSoon(id);
    const done = attempt(record, 'checkpoint', () => handle.done).then((completed) => {
      if (completed === undefined) return;
      record.count('checkpoint completed', id);
      this.#saved = id;
    });
    this.#waitFor(done);
    if (random.chance(0.6) || options.leaveFrozen === true) await done;
    if (options.leaveFrozen === true) {
      await sleep(random.between(0, FROZEN_MS));
      await this.#thaw();
    }
  }

  #cancelSoon(checkpoint: string): void {
    const { client, random, record } = this.#parts;
    const delay = random.between(0, CANCEL_MS);
    this.#waitFor(sleep(delay).then(() => attempt(record, 'cancel', () => client.cancel(checkpoint))));
  }

  /** Until all tasks run, or there are none. */
  async #thaw(): Promise<void> {
    const { client, record } = this.#parts;
    for (;;) {
      if ((await attempt(record, 'thaw', () => client.thaw(this.#pid))) !== undefined) return;
      const left = await this.#left();
      if (left?.every(({ state }) => state !== 'frozen')) return;
      await sleep(POLL_MS);
    }
  }

  #waitFor(work: Promise<unknown>): void {
    const waited = work.finally(() => this.#waiting.delete(waited));
    this.#waiting.add(waited);
  }
}
