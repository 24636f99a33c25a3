import { relative } from 'node:path';

export interface ConfigOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Where JetStream keeps its streams. */
  readonly storeFolder: string;
  readonly pidFile: string;
  /** The folder that the configuration will be in: it is what `include` starts from. */
  readonly folder: string;
  /** A file of more configuration: users and permissions, TLS. */
  readonly include?: string;
}

/** What ckptree asks of every server: pieces of uploads are larger than the 1 MiB that NATS takes otherwise. */
export const MAX_PAYLOAD = 8 * 2 ** 20;

/** A configuration as nats-server reads it; its strings are quoted as in JSON. */
export function configText({
  name,
  host,
  port,
  storeFolder,
  pidFile,
  folder,
  include,
}: ConfigOptions): string {
  return [
    '# Written by ckptree at each start.',
    `server_name: ${JSON.stringify(name)}`,
    `listen: ${JSON.stringify(`${host}:${port}`)}`,
    `max_payload: ${MAX_PAYLOAD}`,
    // Bytes that may wait for a client that is slow to read: a few of the largest messages.
    `max_pending: ${16 * MAX_PAYLOAD}`,
    // A service that stands still gets its share of what its group is asked until the server lets go of it: after 15 s, not 6 minutes.
    'ping_interval: "5s"',
    'ping_max: 2',
    `pid_file: ${JSON.stringify(pidFile)}`,
    `jetstream { store_dir: ${JSON.stringify(storeFolder)} }`,
    ...(include === undefined ? [] : [`include ${JSON.stringify(relative(folder, include))}`]),
    '',
  ].join('\n');
}
