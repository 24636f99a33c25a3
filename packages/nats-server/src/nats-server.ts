import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CkptError, makeFolders } from '@ckptree/errors';
import { awaitReady } from './await-ready.js';
import { configText } from './config.js';
import { findNatsServer } from './find-binary.js';
import { freePort } from './free-port.js';
import { type Exit, ServerProcess, withLog } from './server-process.js';

export interface NatsServerOptions {
  /** Streams, configuration, log: everything that outlives a run. */
  readonly dataFolder: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** A free one when absent; the same at each start again. */
  readonly port?: number;
  /** A file of more configuration, which nats-server reads behind ours: users and permissions, TLS. */
  readonly include?: string;
  /** Variables that `include` refers to (passwords), beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: what is found on the PATH. */
  readonly binary?: string;
  readonly startTimeoutMs?: number;
  /** Is told when it ends though nobody told it to; it may be started again. */
  readonly onCrash?: (exit: Exit) => void;
}

const START_TIMEOUT_MS = 20_000;
/** Somebody may take a free port before we do. */
const PORT_ATTEMPTS = 5;

/**
 * A nats-server of one's own: a child of this process, with JetStream, in a folder. It may be stopped and started
 * again, on the same port and with the same streams.
 */
export class NatsServer {
  readonly host: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly #options: NatsServerOptions;
  #process: ServerProcess | undefined;

  private constructor(options: NatsServerOptions, port: number) {
    this.#options = options;
    this.host = options.host ?? '127.0.0.1';
    this.port = port;
    this.dataFolder = resolve(options.dataFolder);
  }

  /**
   * @throws ENOENT there is no nats-server; EBUSY another one has this folder; ETIMEDOUT, EPIPE it does not come up;
   *   EINVAL it is too old
   */
  static async start(options: NatsServerOptions): Promise<NatsServer> {
    const { host = '127.0.0.1', port } = options;
    for (let attempt = 1; ; attempt++) {
      const server = new NatsServer(options, port ?? (await freePort(host)));
      try {
        await server.start();
        return server;
      } catch (error) {
        const taken = error instanceof CkptError && /address already in use/.test(error.message);
        if (port !== undefined || !taken || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  get url(): string {
    return `nats://${this.host}:${this.port}`;
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.running ? this.#process.pid : undefined;
  }

  get running(): boolean {
    return this.pid !== undefined;
  }

  get logFile(): string {
    return join(this.dataFolder, 'nats-server.log');
  }

  /** Resolves when the run that is under way has ended; at once when there is none. */
  get exited(): Promise<Exit> {
    return this.#process?.exited ?? Promise.resolve({ code: 0, signal: null });
  }

  /** Starts it again; does nothing while it runs. @throws as the static start() */
  async start(): Promise<void> {
    if (this.running) return;
    // Tells this run of this server from any other.
    const name = `ckptree-${randomBytes(8).toString('hex')}`;
    const configFile = await this.#prepare(name);
    const binary = this.#options.binary ?? findNatsServer();
    const started = await ServerProcess.start([binary, '-c', configFile], this.logFile, this.#options.env);
    this.#process = started;
    try {
      const { host, port } = this;
      const timeoutMs = this.#options.startTimeoutMs ?? START_TIMEOUT_MS;
      await awaitReady({ host, port, name }, timeoutMs, started.exited);
    } catch (error) {
      await started.kill();
      throw withLog(error, this.logFile);
    }
    void started.exited.then((exit) => {
      if (!started.told) this.#options.onCrash?.(exit);
    });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** As a crash. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #prepare(name: string): Promise<string> {
    const folder = this.dataFolder;
    await makeFolders(folder);
    const pidFile = join(folder, 'nats-server.pid');
    const other = await runningServer(pidFile);
    if (other !== undefined)
      throw new CkptError('EBUSY', `another nats-server (process ${other}) keeps its streams in ${folder}`, {
        path: folder,
      });
    const { include } = this.#options;
    const configFile = join(folder, 'nats-server.conf');
    const text = configText({
      name,
      host: this.host,
      port: this.port,
      storeFolder: folder,
      pidFile,
      folder,
      ...(include !== undefined && { include: resolve(include) }),
    });
    await writeFile(configFile, text);
    return configFile;
  }
}

/** The process that a pid file names, if it is there and a nats-server. */
async function runningServer(pidFile: string): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  return comm.trim() === 'nats-server' ? pid : undefined;
}
