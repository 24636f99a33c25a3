import { readFileSync } from 'node:fs';
import type { ConnectOptions } from '@ckptree/client';
import { cannot } from '@ckptree/errors';
import type { Command, OptionValues } from '@commander-js/extra-typings';
import { type Example, newCommand } from '../command.js';
import type { StoreOptions } from '../store/store-options.js';
import { usageError } from '../usage-error.js';

/** Which cluster a command works on, and who it is there. */
export interface ClusterOptions {
  readonly nats?: string | undefined;
  readonly natsUser?: string | undefined;
  readonly natsPasswordFile?: string | undefined;
  readonly natsCa?: string | undefined;
  readonly natsCert?: string | undefined;
  readonly natsKey?: string | undefined;
}

/** A command that talks to a cluster. */
export const newClusterCommand = (name: string, summary: string, examples: readonly Example[]) =>
  clusterOptions(newCommand(name, summary, examples), 'nats://127.0.0.1:4222');

/**
 * Lets a command talk to a cluster.
 * @param otherwise what it works on when neither --nats nor NATS_URL says where one is
 */
export function clusterOptions<Args extends unknown[], Opts extends OptionValues>(
  command: Command<Args, Opts>,
  otherwise = 'no cluster: here',
) {
  return command
    .option('--nats <url>', `where the cluster is (default: NATS_URL, else ${otherwise})`)
    .option('--nats-user <name>', 'user there, when there is a password (default: client)')
    .option(
      '--nats-password-file <file>',
      'its first line is the password (default: CKPTREE_NATS_CLIENT_PASSWORD)',
    )
    .option('--nats-ca <file>', 'certificates (PEM) of the authority that NATS must be signed by')
    .option('--nats-cert <file>', 'certificate (PEM) to show to NATS')
    .option('--nats-key <file>', 'key (PEM) of that certificate');
}

/**
 * Whether somebody said where a cluster is: then commands that have both mean it, and not the store of this machine. A store that the
 * command line names is meant whatever the environment says. @throws CommanderError both are named
 */
export function isForCluster({ nats, store }: ClusterOptions & Pick<StoreOptions, 'store'>): boolean {
  if (nats !== undefined && store !== undefined)
    throw usageError(
      '--store is a folder of this machine, and --nats a cluster with a store of its own; give one',
    );
  return nats !== undefined || (store === undefined && (process.env.NATS_URL ?? '') !== '');
}

/** @throws ENOENT, EPERM the file of the password cannot be read */
export function connectOptions(options: ClusterOptions): ConnectOptions {
  const { nats, natsUser = 'client', natsCa, natsCert, natsKey } = options;
  const password = passwordOf(options);
  const tls = {
    ...(natsCa !== undefined && { caFile: natsCa }),
    ...(natsCert !== undefined && { certFile: natsCert }),
    ...(natsKey !== undefined && { keyFile: natsKey }),
  };
  return {
    name: 'ckptree',
    passwordFrom:
      '--nats-user NAME, unless it is client, and --nats-password-file FILE or CKPTREE_NATS_CLIENT_PASSWORD',
    ...(nats !== undefined && { url: nats }),
    ...(password !== undefined && { user: natsUser, password }),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
}

function passwordOf({ natsPasswordFile }: ClusterOptions): string | undefined {
  if (natsPasswordFile === undefined) return process.env.CKPTREE_NATS_CLIENT_PASSWORD || undefined;
  try {
    return readFileSync(natsPasswordFile, 'utf8').split(/\r?\n/, 1)[0];
  } catch (error) {
    throw cannot('read the password in', natsPasswordFile, error);
  }
}
