import { setMaxListeners } from 'node:events';
import { asCkptError, CkptError, type ErrorData, errorFromData } from '@ckptree/errors';
import {
  type Definition,
  type Endpoint,
  FailedReply,
  PROTOCOL_VERSION,
  type ReplyOf,
  type RequestOf,
} from '../messages/definition.js';
import { Failure } from '../messages/fields.js';
import { messageBytes, parseMessage } from '../schema/json-message.js';
import { isValid, validated } from '../schema/validation.js';
import { JSON_HEADER } from '../subjects.js';
import { type Connection, NATS } from './connection.js';
import { headers, type Msg } from './nats.js';
import { fromNats } from './nats-error.js';

export interface RequestOptions {
  /** How long to wait for the reply; what the definition says when absent. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Exchange<D extends Definition> {
  readonly reply: ReplyOf<D>;
  /** The bytes that came with it; none unless the definition says so. */
  readonly payload: Uint8Array;
}

/**
 * Asks, and waits for the answer.
 * @throws what the other side answers; EAGAIN nobody serves this; ETIMEDOUT no answer in time; EINTR `signal`; EPERM
 *   this user may not; E2BIG the request is too large; EBADMSG the answer breaks its schema
 */
export async function request<D extends Definition>(
  connection: Connection,
  endpoint: Endpoint<D>,
  body: RequestOf<D>,
  options: RequestOptions = {},
): Promise<ReplyOf<D>> {
  const { reply } = await exchange(connection, endpoint, body, options);
  return reply;
}

/** The same for messages whose content is bytes. */
export async function exchange<D extends Definition>(
  connection: Connection,
  endpoint: Endpoint<D>,
  body: RequestOf<D>,
  options: RequestOptions & { readonly payload?: Uint8Array } = {},
): Promise<Exchange<D>> {
  const { name, definition, subject, responder } = endpoint;
  const { timeoutMs = definition.timeoutMs, signal, payload } = options;
  const message = { version: PROTOCOL_VERSION, ...(body as object) };
  const binary = definition.payload?.request !== undefined;
  const content = binary ? (payload ?? new Uint8Array()) : messageBytes(message);
  const head = headers();
  if (binary) head.set(JSON_HEADER, JSON.stringify(message));
  const answer = connection[NATS].connection
    .request(subject, content, { timeout: timeoutMs, ...(binary && { headers: head }) })
    .catch((error) => {
      throw fromNats(error, { responder, what: name, timeoutMs });
    });
  return readReply(endpoint, await interruptible(answer, signal, name));
}

/** Gives up waiting when the signal says so; what comes later is dropped. @throws what `work` throws; EINTR `signal` */
export async function interruptible<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  what: string,
): Promise<T> {
  if (signal === undefined) return work;
  const interrupted = () =>
    new CkptError('EINTR', `${what} was given up before it was answered`, {}, signal.reason);
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(interrupted());
    if (signal.aborted) stop();
    else {
      // As many requests as there are workers may have one signal; Node warns of a leak from the eleventh on.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', stop, { once: true });
    }
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    // Nobody waits for the one that lost.
    work.catch(() => undefined);
    aborted.catch(() => undefined);
  }
}

function readReply<D extends Definition>(
  { name, definition, responder }: Endpoint<D>,
  answer: Msg,
): Exchange<D> {
  const what = `the answer of ${responder} to ${name}`;
  const json = answer.headers?.get(JSON_HEADER) ?? '';
  const body = reading(() => parseMessage(json === '' ? answer.data : Buffer.from(json), what));
  if ((body as { ok?: unknown } | null)?.ok !== true)
    throw errorFromData(withoutBadCauses(reading(() => validated(FailedReply, body, what)).error));
  const { ok, ...reply } = reading(() => validated(definition.reply, body, what)) as { readonly ok: true };
  return { reply: reply as ReplyOf<D>, payload: json === '' ? new Uint8Array() : answer.data };
}

/** What is wrong with an answer is not the caller's fault. @throws EBADMSG */
function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { message, fields } = asCkptError(error);
    throw new CkptError('EBADMSG', message, fields, error);
  }
}

/** The schema of an error says nothing of what is underneath; what is no error there is left out. */
function withoutBadCauses({ cause, ...error }: ErrorData): ErrorData {
  if (!isValid(Failure, cause)) return error;
  return { ...error, cause: withoutBadCauses(cause) };
}
