import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, Events, type NatsConnection } from 'nats';
import { eventually } from './service.js';

export const NATS_FOLDER = fileURLToPath(new URL('../../../../infra/nats/', import.meta.url));

export const USERS = ['client', 'worker', 'storage', 'coordinator'] as const;
export type User = (typeof USERS)[number];

export const passwordOf = (user: User): string => `pw${user}`;

/** Environment of a server of infra/nats. */
export const natsEnvironment = (folder: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  CKPTREE_NATS_DATA: join(folder, 'streams'),
  ...Object.fromEntries(
    USERS.map((user) => [`CKPTREE_NATS_${user.toUpperCase()}_PASSWORD`, passwordOf(user)]),
  ),
});

/** What the server itself says of a configuration. */
export function checkNatsConfig(file: string, env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync('nats-server', ['-t', '-c', join(NATS_FOLDER, file)], {
    env: { ...env },
    encoding: 'utf8',
  });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

/** A server with a configuration of infra/nats, on a port of its own. */
export class Nats {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #connections: NatsConnection[] = [];

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child;
    this.#folder = folder;
    this.url = url;
  }

  static async start(file: string, env: Readonly<Record<string, string>> = {}): Promise<Nats> {
    const folder = mkdtempSync(join(tmpdir(), 'ckptree-nats-'));
    const ports = join(folder, 'ports');
    mkdirSync(ports);
    const args = [
      '-c',
      join(NATS_FOLDER, file),
      '-a',
      '127.0.0.1',
      '-p',
      '-1',
      '-m',
      '-1',
      '--ports_file_dir',
      ports,
    ];
    const child = spawn('nats-server', args, {
      env: { ...natsEnvironment(folder), ...env },
      stdio: 'ignore',
    });
    const portsFile = join(ports, `nats-server_${child.pid}.ports`);
    try {
      const { nats } = await eventually('nats-server tells its ports', () => {
        if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
        return existsSync(portsFile) ? portsOf(readFileSync(portsFile, 'utf8')) : undefined;
      });
      return new Nats(child, folder, nats[0]!);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** As a role, with the inbox that it must have. */
  async connect(user: User, options: object = {}): Promise<NatsConnection> {
    const connection = await connect({
      servers: this.url,
      user,
      pass: passwordOf(user),
      inboxPrefix: `_INBOX_${user}`,
      ...options,
    });
    this.#connections.push(connection);
    return connection;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The file is there before it is whole. */
function portsOf(text: string): { readonly nats: readonly string[] } | undefined {
  try {
    return JSON.parse(text) as { nats: string[] };
  } catch {
    return undefined;
  }
}

/** Tells what the server refused of a connection: it says so after the fact, in the order of what was tried. */
export class Refusals {
  readonly #connection: NatsConnection;
  readonly #refused: string[] = [];

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void (async () => {
      for await (const { type, permissionContext } of connection.status())
        if (type === Events.Error && permissionContext !== undefined)
          this.#refused.push(`${permissionContext.operation} ${permissionContext.subject}`);
    })();
  }

  /** Which of these subjects it may not publish to. */
  async ofPublishing(subjects: readonly string[]): Promise<string[]> {
    for (const subject of subjects) this.#connection.publish(subject, '');
    return this.#since('publish', subjects);
  }

  /** Which of these subjects it may not listen to. */
  async ofSubscribing(subjects: readonly string[]): Promise<string[]> {
    const subscriptions = subjects.map((subject) =>
      this.#connection.subscribe(subject, { callback: () => undefined }),
    );
    const refused = await this.#since('subscription', subjects);
    for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
    return refused;
  }

  async #since(operation: string, subjects: readonly string[]): Promise<string[]> {
    // The server's pong comes behind all of its refusals; those pass through an iterator before they are here.
    await this.#connection.flush();
    await new Promise((resolve) => setImmediate(resolve));
    const refused = this.#refused.splice(0);
    return subjects.filter((subject) => refused.includes(`${operation} ${subject}`));
  }
}
