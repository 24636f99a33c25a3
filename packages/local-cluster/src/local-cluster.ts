import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asCkptError, CkptError, makeFolders } from '@ckptree/errors';
import { type NatsServer, type Obtained, obtainNats } from '@ckptree/nats-server';
import type { Role } from '@ckptree/service';
import { type ServiceEnd, ServiceProcess } from './service-process.js';

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** A service that ran for so long may be restarted at once. */
const STEADY_MS = 30_000;
/** What a service has to end in order; then it is killed. */
const STOP_MS = 25_000;
/** What a cluster has for that: its roles end one after the other, and then the server. */
export const CLUSTER_STOP_MS = 4 * STOP_MS;

export interface LocalClusterOptions {
  /** Everything that the cluster keeps: `nats`, `store`, `log`. */
  readonly dataFolder: string;
  readonly workers?: number;
  readonly storages?: number;
  readonly coordinators?: number;
  /** A NATS server that runs; else one is started. */
  readonly natsUrl?: string;
  /** Where packs go: by claim check onto the volume that all share here (default), or over NATS. */
  readonly carrier?: 'volume' | 'nats';
  /** Further options of every service of a role. */
  readonly args?: Partial<Readonly<Record<Role, readonly string[]>>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Starts services, and the server, again that end by themselves. Default true. */
  readonly restart?: boolean;
  /** Longest that one is left alone that ends again and again, in milliseconds. Default 10 s. */
  readonly longestDelayMs?: number;
  readonly onEvent?: (event: ServiceEvent) => void;
  /** Whoever does not want it any more before all is ready: what has been started is ended then. */
  readonly signal?: AbortSignal;
}

/** One of the processes of a cluster. */
interface Member {
  readonly role: Role | 'nats-server';
  readonly id: string;
}

/** What happens to it. Of the server that was started first, nobody is told that it is ready: the services are not, before. */
export type ServiceEvent = Member &
  (
    | { readonly type: 'ready'; readonly pid: number; readonly url: string }
    | { readonly type: 'ended'; readonly end: ServiceEnd }
    | { readonly type: 'failed'; readonly error: CkptError }
  );

/** What is started again. */
interface Supervised extends Member {
  started: number;
  delayMs: number;
}

interface SupervisedService extends Supervised {
  readonly role: Role;
  process: ServiceProcess;
}

/** nats-server and services on this machine, each a process of its own; those that crash are started again. */
export class LocalCluster {
  readonly natsUrl: string;
  readonly #options: LocalClusterOptions;
  readonly #nats: Obtained;
  readonly #services = new Map<string, SupervisedService>();
  readonly #stop = new AbortController();
  readonly #restarts = new Set<Promise<void>>();

  private constructor(options: LocalClusterOptions, nats: Obtained) {
    this.#options = options;
    this.#nats = nats;
    this.natsUrl = nats.url;
  }

  /** @throws what starting a server or a service throws; then nothing is left running */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const { dataFolder, natsUrl, workers = 1, storages = 1, coordinators = 1 } = options;
    for (const folder of ['nats', 'store', 'log']) await makeFolders(join(dataFolder, folder));
    const supervised = { role: 'nats-server', id: 'nats-server', ...supervision() } as const;
    const nats = await obtainNats({
      dataFolder: join(dataFolder, 'nats'),
      ...(natsUrl !== undefined && { url: natsUrl }),
      onCrash: ({ code, signal }) => cluster.#serverCrashed(nats.server!, supervised, signal ?? code ?? 0),
    });
    const cluster = new LocalCluster(options, nats);
    try {
      const roles = [
        ['storage', storages],
        ['coordinator', coordinators],
        ['worker', workers],
      ] as const;
      const started = roles.flatMap(([role, count]) =>
        Array.from({ length: count }, (_, index) => cluster.add(role, `${role}-${index + 1}`)),
      );
      await unlessAborted(Promise.all(started), options.signal);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The server that was started for this cluster, if one was. */
  get nats(): Obtained['server'] {
    return this.#nats.server;
  }

  get ids(): readonly string[] {
    return [...this.#services.keys()];
  }

  /** One service more; resolves when it is ready. @throws EEXIST there is one of this name; EIO it does not start */
  async add(role: Role, id: string): Promise<ServiceProcess> {
    if (this.#services.has(id)) throw new CkptError('EEXIST', `there is a service ${id} already`);
    const process = this.#spawn(role, id);
    const supervised = { role, id, process, ...supervision() };
    this.#services.set(id, supervised);
    this.#watch(supervised);
    await process.ready;
    return process;
  }

  /** @throws ENOENT there is no such service */
  get(id: string): ServiceProcess {
    const supervised = this.#services.get(id);
    if (supervised === undefined) throw new CkptError('ENOENT', `there is no service ${id}`);
    return supervised.process;
  }

  /** Ends a service for good: it is not started again. */
  async remove(id: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<ServiceEnd> {
    const process = this.get(id);
    this.#services.delete(id);
    return end(process, signal);
  }

  /** Ends everything in order: workers first, the server last. */
  async stop(): Promise<void> {
    this.#stop.abort(new CkptError('EINTR', 'the cluster is stopped'));
    await Promise.all(this.#restarts);
    for (const role of ['worker', 'coordinator', 'storage'] as const) {
      const own = [...this.#services.values()].filter((service) => service.role === role);
      await Promise.all(own.map(({ process }) => end(process, 'SIGTERM')));
    }
    await this.#nats.stop();
  }

  #spawn(role: Role, id: string): ServiceProcess {
    const { dataFolder, args = {}, env, carrier = 'volume' } = this.#options;
    const store = join(dataFolder, 'store');
    const own =
      role === 'storage' ? ['--init', '--store', store] : carrier === 'volume' ? ['--volume', store] : [];
    return new ServiceProcess({
      role,
      id,
      args: ['--nats', this.natsUrl, ...own, ...(args[role] ?? [])],
      logFile: join(dataFolder, 'log', `${id}.log`),
      ...(env !== undefined && { env }),
    });
  }

  #watch(supervised: SupervisedService): void {
    const { role, id, process } = supervised;
    const { onEvent } = this.#options;
    process.ready.then(
      ({ url, pid }) => onEvent?.({ type: 'ready', role, id, pid, url }),
      (error) => {
        // Who was told to end before it was ready has not failed.
        if (!this.#stop.signal.aborted) onEvent?.({ type: 'failed', role, id, error: asCkptError(error) });
      },
    );
    const isWanted = (): boolean => this.#services.get(id) === supervised;
    void process.ended.then((end) => {
      if (!isWanted()) return;
      this.#crashed(supervised, end, async () => {
        if (!isWanted()) return;
        supervised.process = this.#spawn(role, id);
        this.#watch(supervised);
      });
    });
  }

  /** The server has ended by itself. What it keeps is in its folder, and its clients come back to the same address. */
  #serverCrashed(server: NatsServer, supervised: Supervised, end: ServiceEnd): void {
    this.#crashed(supervised, end, async () => {
      await server.start();
      this.#options.onEvent?.({
        type: 'ready',
        ...member(supervised),
        pid: server.pid ?? 0,
        url: server.url,
      });
    });
  }

  #crashed(supervised: Supervised, end: ServiceEnd, start: () => Promise<void>): void {
    if (this.#stop.signal.aborted) return;
    const { onEvent, restart = true } = this.#options;
    onEvent?.({ type: 'ended', ...member(supervised), end });
    if (!restart) return;
    const again: Promise<void> = this.#restart(supervised, start).finally(() => this.#restarts.delete(again));
    this.#restarts.add(again);
  }

  /** Not at once when it crashes again and again, and again when there can be no process for it now. */
  async #restart(supervised: Supervised, start: () => Promise<void>): Promise<void> {
    const { longestDelayMs = LONGEST_DELAY_MS, onEvent } = this.#options;
    if (performance.now() - supervised.started > STEADY_MS) supervised.delayMs = FIRST_DELAY_MS;
    for (;;) {
      await sleep(supervised.delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      supervised.delayMs = Math.min(supervised.delayMs * 2, longestDelayMs);
      try {
        await start();
        supervised.started = performance.now();
        return;
      } catch (error) {
        onEvent?.({ type: 'failed', ...member(supervised), error: asCkptError(error) });
      }
    }
  }
}

const member = ({ role, id }: Member): Member => ({ role, id });

/** Of what is started now. */
const supervision = (): Pick<Supervised, 'started' | 'delayMs'> => ({
  started: performance.now(),
  delayMs: FIRST_DELAY_MS,
});

/** What is waited for, or the reason why nobody waits for it any more. */
function unlessAborted<Value>(waited: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  if (signal === undefined) return waited;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

async function end(process: ServiceProcess, signal: NodeJS.Signals): Promise<ServiceEnd> {
  if (!process.isRunning) return process.ended;
  const timer = setTimeout(() => process.signal('SIGKILL'), STOP_MS);
  const ended = await process.kill(signal);
  clearTimeout(timer);
  return ended;
}
