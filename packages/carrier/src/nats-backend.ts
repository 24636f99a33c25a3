import { CkptError } from '@ckptree/errors';
import { type Connection, exchange, request, storage } from '@ckptree/protocol';
import { checkObjectName, type ObjectBackend, type ObjectInfo } from '@ckptree/store';
import { ObjectContent } from './object-content.js';
import type { Way } from './observer.js';
import { type Attempt, Patience, type PatienceOptions } from './patience.js';
import { type Created, type Creation, payloadLimit, uploadOnce } from './upload.js';

/** Pieces of one read that are under way at once. */
const READS_AHEAD = 4;

/**
 * A store behind the storage services, reached over NATS. An operation goes to any of them, and to another one when it
 * is not answered; all of them have the same store.
 */
export class NatsBackend implements ObjectBackend {
  readonly location: string;
  readonly #connection: Connection;
  readonly #patience: Patience;
  /** Bytes that one message brings, at most. */
  readonly #pieceBytes: number;

  private constructor(connection: Connection, patience: Patience, store: string, pieceBytes: number) {
    this.location = `${store} (over NATS)`;
    this.#connection = connection;
    this.#patience = patience;
    this.#pieceBytes = pieceBytes;
  }

  /** @throws EAGAIN, ETIMEDOUT no storage service answered in time */
  static async open(connection: Connection, options: PatienceOptions = {}): Promise<NatsBackend> {
    const patience = new Patience(connection, options);
    const { store, pieceBytes } = await patience.persist('looking for a storage service', (attempt) =>
      request(connection, storage.info, {}, attempt),
    );
    return new NatsBackend(connection, patience, store, Math.min(pieceBytes, payloadLimit(connection)));
  }

  async put(name: string, content: readonly Uint8Array[], lease?: string): Promise<boolean> {
    checkObjectName(name);
    const object = new ObjectContent(content);
    const creation = { name, ...(lease !== undefined && { lease }) };
    return this.create(name, object.size, 'nats', (attempt) =>
      object.size <= this.#pieceBytes
        ? this.#putSmall(creation, object, attempt)
        : uploadOnce(this.#connection, this.#patience, creation, object, attempt),
    );
  }

  /** Asks until it is known whether the object was created, also when it was by an earlier attempt. */
  async create(
    name: string,
    size: number,
    way: Way,
    work: (attempt: Attempt) => Promise<Created>,
  ): Promise<boolean> {
    const { observer } = this.#patience;
    const started = performance.now();
    observer.underWay(size);
    try {
      const { created, same } = await this.#patience.persist(`storing ${name}`, work);
      observer.written(size, way, (performance.now() - started) / 1000);
      return created || same === true;
    } finally {
      observer.underWay(-size);
    }
  }

  async read(name: string, position: number, length: number): Promise<Uint8Array> {
    checkObjectName(name);
    const first = await this.#readPiece(name, position, Math.min(length, this.#pieceBytes));
    if (length <= this.#pieceBytes || first.length < this.#pieceBytes) return first;
    // How long the object is, nobody has said: the first piece that comes short is the last.
    const pieces = [first];
    for (let at = position + first.length; pieces.at(-1)!.length === this.#pieceBytes; ) {
      const ahead: Promise<Uint8Array>[] = [];
      for (; ahead.length < READS_AHEAD && at < position + length; at += this.#pieceBytes)
        ahead.push(this.#readPiece(name, at, Math.min(this.#pieceBytes, position + length - at)));
      if (ahead.length === 0) break;
      pieces.push(...(await Promise.all(ahead)));
    }
    return Buffer.concat(pieces);
  }

  async list(kind: string): Promise<ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    for (;;) {
      const after = found.at(-1)?.name;
      const { objects, more } = await this.#patience.persist(`listing ${kind}`, (attempt) =>
        request(this.#connection, storage.list, { kind, ...(after !== undefined && { after }) }, attempt),
      );
      if (more && objects.length === 0)
        throw new CkptError(
          'EBADMSG',
          `a storage service says of ${kind} that there is more, and gives none`,
        );
      found.push(...objects);
      if (!more) return found;
    }
  }

  async delete(name: string): Promise<void> {
    checkObjectName(name);
    await this.#patience.persist(`deleting ${name}`, (attempt) =>
      request(this.#connection, storage.delete, { name }, attempt),
    );
  }

  async #putSmall(creation: Creation, content: ObjectContent, attempt: Attempt): Promise<Created> {
    const body = { ...creation, ...(attempt.number > 0 && { again: true }) };
    const payload = content.slice(0, content.size);
    return (await exchange(this.#connection, storage.put, body, { ...attempt, payload })).reply;
  }

  #readPiece(name: string, position: number, length: number): Promise<Uint8Array> {
    return this.#patience.persist(`reading ${name}`, async (attempt) => {
      const body = { name, position, length };
      const { payload } = await exchange(this.#connection, storage.read, body, attempt);
      this.#patience.observer.read(payload.length, 'nats');
      return payload;
    });
  }
}
