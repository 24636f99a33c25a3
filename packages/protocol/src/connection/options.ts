import { readFileSync } from 'node:fs';
import { at, CkptError } from '@ckptree/errors';
import { credsAuthenticator, type NatsOptions } from './nats.js';
import { describe } from './nats-error.js';

export interface TlsOptions {
  /** Files in PEM: who is trusted, and who we are. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface ConnectionOptions {
  /** `nats://host:4222`, or several of one NATS cluster. */
  readonly url: string | readonly string[];
  /** What the server's monitoring calls this client. */
  readonly name: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** A file as `nsc` writes it. */
  readonly credsFile?: string;
  /** How people give user and password, for messages that tell them to. Default: these options. */
  readonly passwordFrom?: string;
  readonly tls?: TlsOptions | true;
  /** Where replies come; a role's permissions may ask for one: `_INBOX_client`. */
  readonly inboxPrefix?: string;
  /** How long a server is looked for at first; later, for ever. Default 10 s. */
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Told of each message that a server of this connection has dealt with, for metrics. Must not throw. */
  readonly observe?: (observation: Observation) => void;
  /** Told what the server refuses behind our back: a subscription that this user may not have. Must not throw. */
  readonly onError?: (error: CkptError) => void;
}

/** What became of a message that came in. */
export interface Observation {
  /** `coordinator.spawn`, `event`, `record`. */
  readonly name: string;
  /**
   * `ok`; `error`: answered with an error; `invalid`: it broke the schema or a limit; `dropped`: it was invalid, or
   * could not be served, and had nowhere to send a reply.
   */
  readonly outcome: 'ok' | 'error' | 'invalid' | 'dropped';
  /** Of the error, if any. */
  readonly code?: string;
  readonly durationMs: number;
}

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 2_000;

/** Delays that double, with jitter, so that not all come back at once. */
export function backoff(): { readonly next: () => number; readonly reset: () => void } {
  let attempts = 0;
  return {
    next: () => {
      const delay = Math.min(FIRST_DELAY_MS * 2 ** attempts, LONGEST_DELAY_MS);
      attempts = Math.min(attempts + 1, 16);
      return delay / 2 + (Math.random() * delay) / 2;
    },
    reset: () => {
      attempts = 0;
    },
  };
}

/** @throws EINVAL options that exclude each other, or are not used; ENOENT, EPERM a file of them cannot be read */
export function natsOptions(options: ConnectionOptions, reconnectDelayHandler: () => number): NatsOptions {
  const { url, name, user, password, token, credsFile, passwordFrom, tls, inboxPrefix } = options;
  const servers = typeof url === 'string' ? url.split(',') : [...url];
  // The client would leave them out without a word, and messages have the address.
  if (servers.some((server) => server.includes('@')))
    throw new CkptError(
      'EINVAL',
      `user and password are not taken from the address of a NATS server; ${giveThem(passwordFrom)}`,
    );
  const ways = [user, token, credsFile].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new CkptError('EINVAL', 'a user, a token and a creds file are given for NATS; give one of them');
  return {
    servers,
    name,
    reconnect: true,
    maxReconnectAttempts: -1,
    // A server that restarts may not know its users for a moment.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler,
    // A peer that vanished without a word is noticed within two of these.
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 5_000,
    noAsyncTraces: true,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(credsFile !== undefined && { authenticator: credsAuthenticator(contentOf(credsFile)) }),
    ...(tls !== undefined && { tls: tls === true ? {} : filesOf(tls) }),
    ...(inboxPrefix !== undefined && { inboxPrefix }),
  };
}

/** The server at first wants to know who this is. */
export function notLetIn(options: ConnectionOptions, error: unknown): CkptError {
  const { url, user, token, credsFile, passwordFrom } = options;
  const who =
    user !== undefined
      ? `the user ${user} with this password`
      : token !== undefined
        ? 'who has this token'
        : credsFile !== undefined
          ? `the user of ${credsFile}`
          : 'anybody without a password, and none was given';
  return new CkptError(
    'EPERM',
    `the NATS server at ${String(url)} does not let in ${who} (${describe(error).message}); ${giveThem(passwordFrom)}`,
    {},
    error,
  );
}

const giveThem = (by = 'the options `user` and `password`'): string => `give user and password by ${by}`;

/** They are read at each connection, for they may be renewed. Whether they are there is known before the first. */
function filesOf(tls: TlsOptions): TlsOptions {
  const { certFile, keyFile } = tls;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new CkptError('EINVAL', 'a certificate to show to NATS and its key go together; give both files');
  for (const path of Object.values<string>({ ...tls })) contentOf(path);
  return { ...tls };
}

function contentOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw at(error, { path });
  }
}
