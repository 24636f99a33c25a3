import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CheckpointHandle,
  CheckpointOptions,
  Client,
  EndList,
  RestartOptions,
  StartedTree,
  TaskList,
} from '@ckptree/client';
import { isCkptError } from '@ckptree/errors';
import { attempt } from './attempt.js';
import type { EventLedger } from './event-ledger.js';
import { NATS_LOST } from './faults.js';
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
/** After NATS has lost its data, a tree that nobody knows for so long has ended meanwhile. */
const UNKNOWN_MS = 20_000;
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
  readonly ledger: EventLedger;
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
    const { random, record } = this.#parts;
    await this.#clear();
    const from = random.chance(0.8) ? this.#saved : undefined;
    const tree = await (from === undefined ? this.#spawn() : this.#restart(from));
    if (tree === undefined) {
      await sleep(POLL_MS);
      return false;
    }
    const began = performance.now();
    for (let known = began; ; ) {
      const end = await this.#endOf(tree, from === undefined);
      if (end === 'unknown' && performance.now() - known < UNKNOWN_MS) await sleep(POLL_MS);
      else if (end !== undefined) return end === 'ended';
      else known = performance.now();
      if (performance.now() - began > TREE_LIMIT_MS) {
        record.violation(`${tree.tree} does not end`);
        return false;
      }
      if (!this.#parts.over.aborted && (await this.#act(tree)) === 'gone') return false;
      await sleep(random.between(PACE_MS.least, PACE_MS.most));
    }
  }

  async #spawn(): Promise<StartedTree | undefined> {
    const { client, record, number, treeSeconds } = this.#parts;
    const tree = await attempt(record, 'spawn', () => client.spawn(treeOf(number, treeSeconds)));
    if (tree !== undefined) record.count('spawn', tree.tree);
    return tree;
  }

  /** Anywhere, or on one worker; perhaps left frozen for a while; perhaps asked for twice, which is as asking once. */
  async #restart(checkpoint: string): Promise<StartedTree | undefined> {
    const { client, random, record } = this.#parts;
    const [frozen, twice, alone] = [random.chance(0.2), random.chance(0.2), random.chance(0.2)];
    const worker = alone
      ? (await attempt(record, 'workers', () => client.workers()))?.[0]?.worker
      : undefined;
    const options: RestartOptions = {
      key: randomUUID(),
      ...(frozen && { frozen }),
      ...(worker !== undefined && { on: worker }),
    };
    const what = worker === undefined ? 'restart' : 'restart on one worker';
    const ask = () => attempt(record, what, () => client.restart(checkpoint, options));
    const [one, other] = await Promise.all([ask(), ...(twice ? [ask()] : [])]);
    const tree = one ?? other;
    if (tree === undefined) return undefined;
    if (other !== undefined && other.tree !== tree.tree)
      record.violation(`one restart made two trees: ${tree.tree}, ${other.tree}`);
    record.count('restart', tree.tree);
    if (frozen) {
      await sleep(random.between(0, FROZEN_MS));
      await this.#thaw();
    }
    return tree;
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

  /** @returns `unknown`: there is no such tree; undefined while it runs, or nobody can be asked */
  async #endOf(tree: StartedTree, whole: boolean): Promise<'ended' | 'lost' | 'unknown' | undefined> {
    const { record, results } = this.#parts;
    const listing = await attempt(record, 'ends', () => this.#endsOf(tree));
    if (listing === undefined) return undefined;
    if (listing === 'unknown') {
      if (!record.isExplained(NATS_LOST)) record.violation(`nobody knows the tree ${tree.tree} any more`);
      record.count('tree unknown', tree.tree);
      return 'unknown';
    }
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

  async #endsOf({ tree }: StartedTree): Promise<EndList | 'unknown'> {
    try {
      return await this.#parts.client.ends(tree);
    } catch (error) {
      if (isCkptError(error) && error.code === 'ESRCH') return 'unknown';
      throw error;
    }
  }

  /** @returns whether the tree is not the one to be looked at any more */
  async #act(tree: StartedTree): Promise<'gone' | undefined> {
    const { random } = this.#parts;
    const draw = random.between(0, 1);
    if (draw < 0.6) return this.#save();
    if (draw < 0.75) await this.#freeze();
    else if (draw < 0.8) return this.#restartBesides(tree);
    return undefined;
  }

  async #freeze(): Promise<void> {
    const { client, random, record } = this.#parts;
    const frozen = await attempt(record, 'freeze', () => client.freeze(this.#pid));
    if (frozen !== undefined) await sleep(random.between(0, FROZEN_MS));
    await this.#thaw();
  }

  /** A tree that runs is not started a second time, unless a part of it is lost. */
  async #restartBesides(tree: StartedTree): Promise<'gone' | undefined> {
    const { client, record } = this.#parts;
    const saved = this.#saved;
    if (saved === undefined) return undefined;
    const besides = await attempt(record, 'restart besides', () => client.restart(saved));
    if (besides === undefined) return undefined;
    const before = await attempt(record, 'ends', () => this.#endsOf(tree));
    const ran =
      before !== undefined && before !== 'unknown' && before.lost.length === 0 && before.running > 0;
    if (ran) record.violation(`${besides.tree} was started beside ${tree.tree}, which runs`);
    return 'gone';
  }

  /** @returns whether the tree is gone: it was stopped, or may be */
  async #save(): Promise<'gone' | undefined> {
    const { client, random, record, ledger, number } = this.#parts;
    const options: CheckpointOptions = random.pick([{}, {}, {}, {}, { leaveFrozen: true }, { stop: true }]);
    const named = { name: `user-${number}`, labels: { user: String(number) } };
    const handle = await attempt(record, 'request', () =>
      client.checkpoint(this.#pid, { ...options, ...named }),
    );
    if (handle === undefined) return options.stop ? 'gone' : undefined;
    const { id } = handle;
    ledger.accepted(id);
    if (random.chance(0.15)) this.#cancelSoon(handle);
    const done = attempt(record, 'checkpoint', () => handle.done).then((completed) => {
      if (completed === undefined) return;
      record.count('checkpoint completed', id);
      this.#saved = id;
    });
    this.#waitFor(done);
    const waits = options.leaveFrozen === true || options.stop === true;
    if (random.chance(0.6) || waits) await done;
    if (options.leaveFrozen === true) {
      await sleep(random.between(0, FROZEN_MS));
      await this.#thaw();
    }
    return options.stop ? 'gone' : undefined;
  }

  #cancelSoon(handle: CheckpointHandle): void {
    const { random, record } = this.#parts;
    const delay = random.between(0, CANCEL_MS);
    this.#waitFor(sleep(delay).then(() => attempt(record, 'cancel', () => handle.cancel())));
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
