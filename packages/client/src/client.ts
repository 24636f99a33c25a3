import { randomUUID } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import {
  type CheckpointSummary,
  Connection,
  type ConnectionStatus,
  coordinator,
  type ReplyOf,
  type RetentionPolicy,
  type Schedule,
  type ScheduleRequest,
  type Signal,
  type TaskEnd,
  type TaskRow,
  type WorkerRecord,
} from '@ckptree/protocol';
import type { Listing, Store } from '@ckptree/store';
import { type AskOptions, ask } from './ask.js';
import { CheckpointHandle } from './checkpoint-handle.js';
import { type CheckpointInfo, infoOf } from './checkpoint-info.js';
import { type ClientEvent, type EventsOptions, eventsOf } from './events.js';
import type { ConnectOptions, PsOptions, RestartOptions, SpawnOptions } from './options.js';
import { allPages } from './pages.js';
import type { CheckpointOptions } from './request-checkpoint.js';
import type { StoreOptions } from './stored-checkpoints.js';

/** A tree that was started. */
export interface StartedTree {
  readonly tree: string;
  readonly rootPid: number;
  readonly tasks: number;
  /** Those that host a part of it. */
  readonly workers: readonly string[];
}

/** What workers said; those in `missing` did not answer in time. */
export interface TaskList {
  readonly tasks: readonly TaskRow[];
  readonly missing: readonly string[];
}

export interface EndList {
  readonly ends: readonly TaskEnd[];
  /** Tasks of the tree that had not ended when this was asked; `ends` may tell of them already. */
  readonly running: number;
  readonly missing: readonly string[];
  /** Workers that were lost: how the tasks ended which they hosted is not known. */
  readonly lost: readonly string[];
}

/** What is in the store; of what is damaged, why. */
export interface StoredCheckpoints {
  readonly checkpoints: readonly CheckpointInfo[];
  readonly damaged: Listing['damaged'];
}

/** Which checkpoints are kept; when that was applied last, and why it failed, if it did, as far as the coordinator that leads knows. */
export type Retention = Omit<ReplyOf<typeof coordinator.retention.definition>, 'forgotten'>;

const DEFAULT_URL = 'nats://127.0.0.1:4222';
const RESTART_TIMEOUT_MS = 600_000;
/** As many as there may be: for each page all workers are asked for all. */
const ENDS_OF_PAGE = 5_000;

/**
 * A client of a cluster. Requests find the coordinator that leads, and the next one when it dies; all fail with an error
 * that has a code (packages/errors), and end at `timeoutMs` or `signal`.
 *
 * @example
 * const client = await connect({ url: 'nats://127.0.0.1:4222' });
 * const { rootPid } = await client.spawn({ root: { program: 'idle', params: { forever: true } } });
 * const checkpoint = await client.checkpoint(rootPid, { name: 'nightly', stop: true });
 * await checkpoint.done;
 * await client.restart(checkpoint.id, { on: 'worker-2' });
 * await client.close();
 */
export class Client {
  /** For whoever needs more than the SDK has. */
  readonly connection: Connection;
  readonly #volume: string | undefined;

  private constructor(connection: Connection, volume: string | undefined) {
    this.connection = connection;
    this.#volume = volume;
  }

  /** @throws ETIMEDOUT no NATS server answers; EPERM it does not let us in; EINVAL the options contradict each other */
  static async connect({ volume, ...options }: ConnectOptions = {}): Promise<Client> {
    const connection = await Connection.open({
      url: process.env.NATS_URL || DEFAULT_URL,
      name: 'ckptree-client',
      // What the role `client` may listen to (infra/nats).
      inboxPrefix: '_INBOX_client',
      ...options,
    });
    return new Client(connection, volume);
  }

  get connected(): boolean {
    return this.connection.connected;
  }

  /** @returns what ends it */
  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    return this.connection.onStatus(listener);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Starts a tree. @param spec a document of packages/kernel/schemas/spec.schema.json @throws EINVAL, EEXIST, ENOENT, EAGAIN */
  spawn(spec: object, options: SpawnOptions = {}): Promise<StartedTree> {
    const { placement, baseFolder, name, labels, key = randomUUID() } = options;
    const body = {
      spec: spec as Record<string, unknown>,
      key,
      ...(placement !== undefined && { placement }),
      ...(baseFolder !== undefined && { baseFolder }),
      ...(name !== undefined && { name }),
      ...(labels !== undefined && { labels }),
    };
    return ask(this.connection, coordinator.spawn, body, options);
  }

  /** Starts the tree of a checkpoint again. @throws ENOENT no such checkpoint; EEXIST a pid of it is in use; EAGAIN no worker */
  restart(checkpoint: string, options: RestartOptions = {}): Promise<StartedTree> {
    const { on, placement, frozen, name, labels, key = randomUUID() } = options;
    const body = {
      checkpoint,
      key,
      ...(on !== undefined && { on }),
      ...(placement !== undefined && { placement }),
      ...(frozen !== undefined && { frozen }),
      ...(name !== undefined && { name }),
      ...(labels !== undefined && { labels }),
    };
    return ask(this.connection, coordinator.restart, body, { timeoutMs: RESTART_TIMEOUT_MS, ...options });
  }

  /** The tasks of all trees, of one, or a task with all below it. */
  async ps({ tree, pid, ...options }: PsOptions = {}): Promise<TaskList> {
    const which = { ...(tree !== undefined && { tree }), ...(pid !== undefined && { pid }) };
    const pages = await allPages((page) =>
      ask(this.connection, coordinator.ps, { ...which, ...page }, options),
    );
    return { tasks: pages.flatMap(({ tasks }) => tasks), missing: missingIn(pages) };
  }

  /**
   * How the tasks of a tree ended; all of them, when `running` is 0 and nothing is missing or lost.
   * @throws ESRCH no such tree
   */
  async ends(tree: string, options: AskOptions = {}): Promise<EndList> {
    const pages = await allPages((page) =>
      ask(this.connection, coordinator.ends, { tree, limit: ENDS_OF_PAGE, ...page }, options),
    );
    // As long as tasks run, what is behind a page may have grown since.
    const running = pages[0]?.running ?? 0;
    const lost = [...new Set(pages.flatMap(({ lost = [] }) => lost))];
    return { ends: pages.flatMap(({ ends }) => ends), running, missing: missingIn(pages), lost };
  }

  /** Each of these reaches a task and all below it, on whatever workers they are. @returns how many @throws ESRCH */
  freeze(pid: number, options?: AskOptions): Promise<number> {
    return this.#signal(pid, 'freeze', options);
  }

  thaw(pid: number, options?: AskOptions): Promise<number> {
    return this.#signal(pid, 'thaw', options);
  }

  kill(pid: number, options?: AskOptions): Promise<number> {
    return this.#signal(pid, 'kill', options);
  }

  /**
   * Asks for a checkpoint of a task and all below it.
   * @returns when the request is accepted: it will be dealt with, even when no coordinator lives at the moment
   * @throws EINVAL options; EAGAIN, ETIMEDOUT it was not accepted in time; EINTR `signal`
   */
  async checkpoint(pid: number, options: CheckpointOptions = {}): Promise<CheckpointHandle> {
    const { requestCheckpoint } = await import('./request-checkpoint.js'); // as store()
    return requestCheckpoint(this.connection, pid, options);
  }

  /** A checkpoint that was asked for before, perhaps by somebody else. */
  follow(checkpoint: string, options: AskOptions = {}): CheckpointHandle {
    return new CheckpointHandle(this.connection, checkpoint, { ...options, old: true });
  }

  /** How far checkpoints are: those that the cluster remembers, newest first. */
  async checkpoints(
    options: AskOptions & { readonly checkpoint?: string; readonly active?: boolean } = {},
  ): Promise<readonly CheckpointSummary[]> {
    const { checkpoint, active } = options;
    const which = {
      ...(checkpoint !== undefined && { checkpoint }),
      ...(active !== undefined && { active }),
    };
    return (await ask(this.connection, coordinator.checkpoints, which, options)).checkpoints;
  }

  /** Gives a checkpoint up, if it is not complete by now. @returns what became of it @throws ENOENT */
  async cancel(checkpoint: string, options: AskOptions = {}): Promise<CheckpointSummary['state']> {
    return (await ask(this.connection, coordinator.cancel, { checkpoint }, options)).state;
  }

  /** Events in their order, each once, over any outage. See EventsOptions for where they begin and which pass. */
  events(options: EventsOptions = {}): AsyncGenerator<ClientEvent> {
    return eventsOf(this.connection, options);
  }

  /** The workers that are alive. */
  async workers(options: AskOptions = {}): Promise<readonly WorkerRecord[]> {
    return (await ask(this.connection, coordinator.workers, {}, options)).workers;
  }

  /** Takes a checkpoint again and again. A schedule without an id gets one here, so that it is made once. */
  schedule(schedule: ScheduleRequest, options: AskOptions = {}): Promise<Schedule> {
    const id = schedule.schedule ?? `s-${randomUUID().slice(0, 13)}`;
    return ask(this.connection, coordinator.schedule, { ...schedule, schedule: id }, options);
  }

  /** Ends a schedule. What it has taken stays. @throws ENOENT there is no such schedule */
  async unschedule(schedule: string, options: AskOptions = {}): Promise<void> {
    const known = await this.schedules(options);
    if (!known.some((one) => one.schedule === schedule))
      throw new CkptError('ENOENT', `there is no schedule ${schedule}`);
    await ask(this.connection, coordinator.unschedule, { schedule }, options);
  }

  async schedules(options: AskOptions = {}): Promise<readonly Schedule[]> {
    return (await ask(this.connection, coordinator.schedules, {}, options)).schedules;
  }

  /** Which checkpoints are kept. @param policy a new policy, from now on */
  async retention(policy?: RetentionPolicy, options: AskOptions = {}): Promise<Retention> {
    const body = policy === undefined ? { action: 'get' as const } : { action: 'set' as const, policy };
    const { forgotten: _, ...retention } = await ask(this.connection, coordinator.retention, body, options);
    return retention;
  }

  /** Applies the policy now. @returns also the checkpoints that go; with `dryRun`, that would */
  async applyRetention(
    options: AskOptions & { readonly dryRun?: boolean } = {},
  ): Promise<Retention & { readonly forgotten: readonly string[] }> {
    const { dryRun } = options;
    const body = { action: 'apply' as const, ...(dryRun !== undefined && { dryRun }) };
    return { forgotten: [], ...(await ask(this.connection, coordinator.retention, body, options)) };
  }

  /** The store of the cluster, to read from: list, show, export. Whoever opens it closes it. */
  async store(options: StoreOptions = {}): Promise<Store> {
    // Most of what is asked of a cluster needs no store, and need not wait until one is loaded.
    const { openStore } = await import('./stored-checkpoints.js');
    return openStore(this.connection, this.#volume, options);
  }

  /** What is in the store, oldest first. @param labels that a checkpoint must have */
  async list(
    labels: Readonly<Record<string, string>> = {},
    options: StoreOptions = {},
  ): Promise<StoredCheckpoints> {
    const { checkpoints, damaged } = await this.#withStore(options, (store) => store.list(labels));
    return { checkpoints: checkpoints.map(infoOf), damaged };
  }

  /** @param checkpoint an id, the beginning of one, or a name @throws ENOENT, EINVAL it may mean several */
  async show(checkpoint: string, options: StoreOptions = {}): Promise<CheckpointInfo> {
    return infoOf(await this.#withStore(options, (store) => store.resolve(checkpoint)));
  }

  async #signal(pid: number, signal: Signal, options: AskOptions = {}): Promise<number> {
    return (await ask(this.connection, coordinator.signal, { pid, signal }, options)).tasks;
  }

  async #withStore<T>(options: StoreOptions, work: (store: Store) => Promise<T>): Promise<T> {
    const store = await this.store(options);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }
}

const missingIn = (pages: readonly { readonly missing?: readonly string[] }[]): readonly string[] => [
  ...new Set(pages.flatMap(({ missing = [] }) => missing)),
];

/** @example const client = await connect({ url: 'nats://127.0.0.1:4222' }) */
export const connect = (options: ConnectOptions = {}): Promise<Client> => Client.connect(options);
