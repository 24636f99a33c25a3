import { asCkptError, CkptError, type ErrorData, errorToData } from '@ckptree/errors';
import type { Definition, Endpoint, ReplyOf, RequestOf } from '../messages/definition.js';
import { messageBytes, parseMessage } from '../schema/json-message.js';
import { checkVersion, validated } from '../schema/validation.js';
import { JSON_HEADER } from '../subjects.js';
import { type Connection, NATS } from './connection.js';
import { headers, type Msg, type Subscription } from './nats.js';
import { fromNats } from './nats-error.js';
import type { Observation } from './options.js';

export interface ServeOptions {
  /** Services of one queue group share the requests; without one, each gets all. */
  readonly queue?: string;
  /** Requests that are dealt with at once; more are answered EAGAIN. Default 256. */
  readonly concurrency?: number;
}

export interface Incoming {
  /** The bytes that came with the request; none unless the definition says so. */
  readonly payload: Uint8Array;
  readonly subject: string;
}

/** A reply with bytes. */
export interface WithPayload<Reply> {
  readonly reply: Reply;
  readonly payload: Uint8Array;
}

export type Handler<D extends Definition> = (
  request: RequestOf<D>,
  incoming: Incoming,
) => Promise<ReplyOf<D> | WithPayload<ReplyOf<D>>>;

export interface Served {
  /** Takes nothing more; resolves when everything that was taken is answered. */
  stop(): Promise<void>;
}

const CONCURRENCY = 256;
/**
 * Where every NATS client has its answers come. NATS lets whoever asks a server of it (JetStream, another service) name any
 * subject for the answer, whatever it may publish to itself; what comes in that way has no inbox of its own.
 */
const INBOX = /^_INBOX[._]/;
/** An error must fit into any message. */
const MAX_ERROR_TEXT = 4_096;

/**
 * Answers requests. What is not as the schema has it gets an error that names the field, and never reaches the
 * handler; what the handler throws travels as it is. What has no inbox to be answered to is dropped: it is no request.
 * Every message is told to the connection's observer.
 */
export function serve<D extends Definition>(
  connection: Connection,
  endpoint: Endpoint<D>,
  handler: Handler<D>,
  options: ServeOptions = {},
): Served {
  const { queue, concurrency = CONCURRENCY } = options;
  const underWay = new Set<Promise<void>>();
  const subscription: Subscription = connection[NATS].connection.subscribe(endpoint.subject, {
    ...(queue !== undefined && { queue }),
    callback: (error, message) => {
      // An error here is one of the subscription (a permission, say), which the connection tells as its status.
      if (error !== null) return;
      const work = answerOne(connection, endpoint, handler, message, underWay.size >= concurrency).finally(
        () => underWay.delete(work),
      );
      underWay.add(work);
    },
  });
  return {
    stop: async () => {
      if (!subscription.isClosed()) await subscription.drain();
      await Promise.all(underWay);
    },
  };
}

async function answerOne<D extends Definition>(
  connection: Connection,
  endpoint: Endpoint<D>,
  handler: Handler<D>,
  message: Msg,
  busy: boolean,
): Promise<void> {
  const started = performance.now();
  const { name, responder } = endpoint;
  if (!INBOX.test(message.reply ?? '')) {
    connection.observe({ name, outcome: 'dropped', code: 'EINVAL', durationMs: 0 });
    return;
  }
  let outcome: Observation['outcome'] = 'invalid';
  let code: string | undefined;
  let answer: Answer;
  try {
    const { request, payload } = readRequest(endpoint, message);
    outcome = 'error';
    if (busy) throw new CkptError('EAGAIN', `${responder} has too much to do to take ${name}; try again`);
    answer = answerOf(endpoint, await handler(request, { payload, subject: message.subject }));
    outcome = 'ok';
  } catch (error) {
    const failure = boundedError(error);
    code = failure.code;
    answer = { body: { ok: false, error: failure } };
  }
  if (!send(connection, message, answer)) outcome = 'dropped';
  const durationMs = performance.now() - started;
  connection.observe({ name, outcome, durationMs, ...(code !== undefined && { code }) });
}

interface Answer {
  readonly body: object;
  readonly payload?: Uint8Array;
}

function readRequest<D extends Definition>(
  { name, definition }: Endpoint<D>,
  { data, headers: head }: Msg,
): { readonly request: RequestOf<D>; readonly payload: Uint8Array } {
  const what = `the request ${name}`;
  const json = head?.get(JSON_HEADER) ?? '';
  const size = data.length + Buffer.byteLength(json);
  if (size > definition.maxBytes)
    throw new CkptError('E2BIG', `${what} has ${size} bytes; at most ${definition.maxBytes} are taken`, {
      field: '/',
    });
  const binary = definition.payload?.request !== undefined;
  if (binary && json === '')
    throw new CkptError('EINVAL', `${what} must have its JSON in the header ${JSON_HEADER}`, {
      field: JSON_HEADER,
    });
  const body = parseMessage(binary ? Buffer.from(json) : data, what);
  checkVersion(body, what);
  // The version is the message's, not what was asked: handlers keep requests, and hand them on.
  const { version: _, ...request } = validated(definition.request, body, what) as { version?: unknown };
  return { request: request as RequestOf<D>, payload: binary ? data : new Uint8Array() };
}

/** What a handler returns is checked too: a fault of ours must not be sent to somebody who trusts it. */
function answerOf<D extends Definition>(
  { name, definition }: Endpoint<D>,
  result: ReplyOf<D> | WithPayload<ReplyOf<D>>,
): Answer {
  const binary = definition.payload?.reply !== undefined;
  const { reply, payload } = (binary ? result : { reply: result }) as Partial<WithPayload<object>>;
  try {
    validated(definition.reply, reply, `the reply to ${name}`);
  } catch (error) {
    throw new CkptError('EIO', asCkptError(error).message, {}, error);
  }
  return { body: { ok: true, ...reply }, ...(payload !== undefined && { payload }) };
}

/** @returns false when nobody waits for an answer, or the connection is closed by now */
function send(connection: Connection, message: Msg, { body, payload }: Answer): boolean {
  try {
    if (payload === undefined) return message.respond(messageBytes(body));
    const head = headers();
    head.set(JSON_HEADER, JSON.stringify(body));
    return message.respond(payload, { headers: head });
  } catch (error) {
    const failure = fromNats(error, { responder: connection.name, what: 'the reply', timeoutMs: 0 });
    return (
      failure.code === 'E2BIG' && message.respond(messageBytes({ ok: false, error: boundedError(failure) }))
    );
  }
}

function boundedError(error: unknown): ErrorData {
  const data = errorToData(error);
  return { ...data, message: data.message.slice(0, MAX_ERROR_TEXT) };
}
