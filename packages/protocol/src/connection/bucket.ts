import { randomBytes } from 'node:crypto';
import { asCkptError, at, CkptError } from '@ckptree/errors';
import type { Static, TSchema } from '@ckptree/schema';
import { messageBytes, parseMessage } from '../schema/json-message.js';
import { checkVersion, validated } from '../schema/validation.js';
import { API_TIMEOUT_MS, type Connection, NATS } from './connection.js';
import { jetstreamPublish } from './jetstream-publish.js';
import { apiErrorOf, fromNats, isUnanswered, isUnserved } from './nats-error.js';
import { orderedMessages } from './ordered.js';
import { retrying } from './retry.js';
import { madeAt } from './stream-made.js';
import { whileConnected } from './while-connected.js';

export interface Entry<T> {
  readonly key: string;
  readonly value: T;
  /** Of this value: what update() wants to hear. */
  readonly revision: number;
}

/** What happened to a key. */
export interface Change<T> {
  readonly key: string;
  /** Undefined when it was deleted. That it expired is not told: who needs that has a clock. */
  readonly value: T | undefined;
  readonly revision: number;
}

export interface WatchOptions {
  readonly key?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when all that was there at the beginning has been given out. */
  readonly onCaughtUp?: () => void;
}

/** Errors of JetStream's API, server/errors.json of nats-server: a compare-and-set that lost, and nothing to read. */
const WRONG_LAST_SEQUENCE = 10_071;
const NO_MESSAGE = 10_037;
const EMPTY = new Uint8Array();
const LOOK_TIMEOUT_MS = 1_000;
const KEY = /^[A-Za-z0-9][A-Za-z0-9_=.-]{0,199}$/;
/** A write is tried again within this time: it has an id of its own, so that it is done once. */
const WRITE_TIMEOUT_MS = 5_000;
const ATTEMPT_MS = 2_000;

/**
 * Records of one kind in a bucket of the key-value store (layout: ADR-8 of nats-architecture-and-design). Values are
 * checked when they are written and when they are read. Reading and writing throw as request() does.
 */
export class Bucket<S extends TSchema> {
  readonly #connection: Connection;
  readonly #name: string;
  readonly #schema: S;
  readonly #signal: AbortSignal | undefined;

  /** @param signal once it is raised, nothing is written any more: what waits for the end of an outage is given up with EINTR */
  constructor(connection: Connection, name: string, schema: S, signal?: AbortSignal) {
    this.#connection = connection;
    this.#name = name;
    this.#schema = schema;
    this.#signal = signal;
  }

  /**
   * Whether the bucket is there, and can be read. Before it is known to be, nothing else may be asked of it: a nats-server (2.9.10) that is just
   * making a stream crashes when it is asked for a message of it. This question is answered by the stream itself, once it is ready.
   */
  async isReady(): Promise<boolean> {
    const { connection } = this.#connection[NATS];
    const what = `looking for ${this.#name}`;
    try {
      const subject = `$JS.API.DIRECT.GET.KV_${this.#name}.${this.#subject('none')}`;
      const asked = connection.request(subject, EMPTY, { timeout: LOOK_TIMEOUT_MS });
      await whileConnected(this.#connection, what, asked);
      return true;
    } catch (error) {
      const failure = fromNats(error, { responder: 'JetStream', what, timeoutMs: LOOK_TIMEOUT_MS });
      // What comes while a stream is being made may be left without an answer.
      if (isUnserved(failure) || isUnanswered(failure)) return false;
      throw failure;
    }
  }

  /** When it was made, in Unix milliseconds: another of its name is another bucket. @returns undefined when there is none */
  madeAt(): Promise<number | undefined> {
    return madeAt(this.#connection, `KV_${this.#name}`);
  }

  /** @returns undefined when there is none @throws EBADMSG it breaks its schema */
  async get(key: string): Promise<Entry<Static<S>> | undefined> {
    const stored = await this.#newest(key);
    if (stored === undefined || stored.deleted) return undefined;
    return { key, value: this.#valueOf(key, stored.content), revision: stored.revision };
  }

  /** @returns its revision; undefined when there is one already */
  async create(key: string, value: Static<S>): Promise<number | undefined> {
    const revision = await this.#write(key, value, 0);
    if (revision !== undefined) return revision;
    const stored = await this.#newest(key);
    return stored?.deleted === true ? this.#write(key, value, stored.revision) : undefined;
  }

  /** Compare and set. @returns the new revision; undefined when `revision` is no longer the newest: nothing was done */
  update(key: string, value: Static<S>, revision: number): Promise<number | undefined> {
    return this.#write(key, value, revision);
  }

  /** @returns its revision */
  async put(key: string, value: Static<S>): Promise<number> {
    return (await this.#write(key, value, undefined)) ?? 0;
  }

  /** @param revision delete only this one @returns false when it is no longer the newest */
  async delete(key: string, revision?: number): Promise<boolean> {
    const done = await this.#publish(key, new Uint8Array(), revision, { 'KV-Operation': 'DEL' });
    return done !== undefined;
  }

  /** All records. Those that break their schema are left out, and told to the connection's observer. */
  async list(signal?: AbortSignal): Promise<Entry<Static<S>>[]> {
    const entries: Entry<Static<S>>[] = [];
    for await (const { key, value, revision } of this.#changes({ signal, follow: false }))
      if (value !== undefined) entries.push({ key, value, revision });
    if (signal?.aborted === true)
      throw new CkptError('EINTR', `listing ${this.#name} was given up`, {}, signal.reason);
    return entries;
  }

  /** What there is, then every change, over any outage: of changes that follow on each other the last at least. */
  watch(options: WatchOptions = {}): AsyncGenerator<Change<Static<S>>> {
    return this.#changes(options);
  }

  async *#changes({
    key,
    signal,
    follow,
    onCaughtUp,
  }: WatchOptions & { readonly follow?: boolean }): AsyncGenerator<Change<Static<S>>> {
    const messages = orderedMessages(this.#connection, {
      stream: `KV_${this.#name}`,
      filter: key === undefined ? `${this.#prefix}>` : this.#subject(key),
      start: { at: 'newest of each' },
      signal,
      ...(follow !== undefined && { follow }),
      ...(onCaughtUp !== undefined && { onCaughtUp }),
    });
    for await (const { message, sequence: revision } of messages) {
      const changed = message.subject.slice(this.#prefix.length);
      const deleted = isDeletion(message.headers?.get('KV-Operation'));
      const value = deleted ? undefined : this.#valueIfValid(changed, message.data);
      if (deleted || value !== undefined) yield { key: changed, value, revision };
    }
  }

  get #prefix(): string {
    return `$KV.${this.#name}.`;
  }

  #subject(key: string): string {
    if (!KEY.test(key))
      throw new CkptError('EINVAL', `${JSON.stringify(key.slice(0, 64))} cannot be a key of ${this.#name}`);
    return `${this.#prefix}${key}`;
  }

  async #newest(key: string) {
    const { manager } = this.#connection[NATS];
    const what = `reading ${this.#name}/${key}`;
    try {
      const query = { last_by_subj: this.#subject(key) };
      const work = manager.streams.getMessage(`KV_${this.#name}`, query);
      const stored = await whileConnected(this.#connection, what, work);
      const deleted = isDeletion(stored.header.get('KV-Operation'));
      return { content: stored.data, revision: stored.seq, deleted };
    } catch (error) {
      if (apiErrorOf(error) === NO_MESSAGE) return undefined;
      throw fromNats(error, { responder: 'JetStream', what, timeoutMs: API_TIMEOUT_MS });
    }
  }

  async #write(key: string, value: Static<S>, revision: number | undefined): Promise<number | undefined> {
    validated(this.#schema, value, `the record ${this.#name}/${key}`);
    return this.#publish(key, messageBytes(value), revision);
  }

  /** @returns the new revision; undefined when `revision` is not the newest */
  async #publish(
    key: string,
    content: Uint8Array,
    revision: number | undefined,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<number | undefined> {
    const subject = this.#subject(key);
    const id = randomBytes(12).toString('hex');
    try {
      const retry = { timeoutMs: WRITE_TIMEOUT_MS, signal: this.#signal };
      const { sequence } = await retrying(this.#connection, retry, (leftMs) =>
        jetstreamPublish(this.#connection, subject, content, {
          id,
          headers,
          timeoutMs: Math.min(ATTEMPT_MS, leftMs),
          ...(revision !== undefined && { lastSequence: revision }),
        }),
      );
      return sequence;
    } catch (error) {
      if (apiErrorOf(asCkptError(error).cause) === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  }

  #valueOf(key: string, content: Uint8Array): Static<S> {
    const what = `the record ${this.#name}/${key}`;
    try {
      const value = parseMessage(content, what);
      checkVersion(value, what);
      return validated(this.#schema, value, what);
    } catch (error) {
      const { message, fields } = asCkptError(error);
      throw at(new CkptError('EBADMSG', message, fields, error), { path: `${this.#name}/${key}` });
    }
  }

  #valueIfValid(key: string, content: Uint8Array): Static<S> | undefined {
    try {
      return this.#valueOf(key, content);
    } catch {
      this.#connection.observe({ name: this.#name, outcome: 'invalid', code: 'EBADMSG', durationMs: 0 });
      return undefined;
    }
  }
}

const isDeletion = (operation: string | undefined): boolean => operation === 'DEL' || operation === 'PURGE';
