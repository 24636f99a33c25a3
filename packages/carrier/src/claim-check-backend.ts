import { CkptError } from '@ckptree/errors';
import { type Connection, request, storage } from '@ckptree/protocol';
import {
  checkObjectName,
  FolderBackend,
  type GrowingObject,
  hexId,
  type ObjectBackend,
  type ObjectInfo,
  PartsHash,
  type PartsProof,
  partBytes,
  type TemporaryFile,
} from '@ckptree/store';
import { NatsBackend } from './nats-backend.js';
import { type CarrierObserver, noObserver } from './observer.js';
import { Patience, type PatienceOptions } from './patience.js';
import { readVolumeMark } from './volume.js';

/** A request costs less than a file that is written, read and linked. */
const SMALL_BYTES = 128 * 1024;

export interface ClaimCheckOptions extends PatienceOptions {
  /** Up to this size an object is sent rather than deposited. */
  readonly smallBytes?: number;
}

/**
 * A store on a volume that this host shares with the storage services. Large objects are written to `incoming/` there,
 * and only their name, size and hash are sent (of a pack, a hash that those of its chunks make up); a service checks the
 * file and gives it its place. Reads go straight to the volume.
 */
export class ClaimCheckBackend implements ObjectBackend {
  readonly location: string;
  readonly #connection: Connection;
  readonly #folder: FolderBackend;
  readonly #remote: NatsBackend;

  readonly #smallBytes: number;
  readonly #observer: CarrierObserver;

  private constructor(
    connection: Connection,
    folder: FolderBackend,
    remote: NatsBackend,
    { smallBytes = SMALL_BYTES, observer = noObserver }: ClaimCheckOptions,
  ) {
    this.#smallBytes = smallBytes;
    this.#observer = observer;
    this.location = folder.location;
    this.#connection = connection;
    this.#folder = folder;
    this.#remote = remote;
  }

  /**
   * @param volume the folder of the store, as this host sees it
   * @throws ENOENT, EPERM the folder is not there, or not for us; EINVAL it is not the one that the services have;
   *         EAGAIN, ETIMEDOUT no storage service answered in time
   */
  static async open(
    connection: Connection,
    volume: string,
    options: ClaimCheckOptions = {},
  ): Promise<ClaimCheckBackend> {
    const folder = await FolderBackend.open(volume);
    const remote = await NatsBackend.open(connection, options);
    const patience = new Patience(connection, options);
    const info = await patience.persist('looking for a storage service', (attempt) =>
      request(connection, storage.info, {}, attempt),
    );
    if (info.volume?.mark !== (await readVolumeMark(volume)))
      throw new CkptError(
        'EINVAL',
        `${volume} is not the folder that the storage service ${info.instance} has at ${info.store}; mount that one, or send objects over NATS`,
        { path: volume },
      );
    return new ClaimCheckBackend(connection, folder, remote, options);
  }

  async put(name: string, content: readonly Uint8Array[], lease?: string): Promise<boolean> {
    checkObjectName(name);
    const size = content.reduce((sum, { length }) => sum + length, 0);
    if (size <= this.#smallBytes) return this.#remote.put(name, content, lease);
    const draft = await this.draft(name, lease);
    try {
      for (const part of content) await draft.write(part);
      return await draft.commit();
    } finally {
      await draft.close();
    }
  }

  /** One that is written to the volume as it grows. */
  async draft(name: string, lease?: string): Promise<GrowingObject> {
    checkObjectName(name);
    const file = await this.#folder.deposit();
    const hash = new PartsHash();
    return {
      write: async (...parts) => {
        // Together: one thread copies while this one hashes.
        const writing = file.write(...parts.map(partBytes));
        for (const part of parts) hash.add(part);
        await writing;
      },
      read: (position, length) => file.read(position, length),
      commit: async () => {
        if (file.size <= this.#smallBytes)
          return this.#remote.put(name, [await file.read(0, file.size)], lease);
        await file.sync();
        return this.#adopt(name, file, hash.finish(), lease);
      },
      close: () => file.close(),
    };
  }

  async read(name: string, position: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#folder.read(name, position, length);
    this.#observer.read(bytes.length, 'volume');
    return bytes;
  }

  list(kind: string): Promise<ObjectInfo[]> {
    return this.#folder.list(kind);
  }

  delete(name: string): Promise<void> {
    return this.#remote.delete(name);
  }

  /** A service checks the file, and gives it its place. */
  #adopt(
    name: string,
    { name: incoming, size }: TemporaryFile,
    { hash, parts }: PartsProof,
    lease?: string,
  ): Promise<boolean> {
    const body = {
      name,
      incoming,
      size,
      hash: hexId(hash),
      ...(parts !== undefined && { parts }),
      ...(lease !== undefined && { lease }),
    };
    return this.#remote.create(name, size, 'volume', (attempt) =>
      request(
        this.#connection,
        storage.adopt,
        { ...body, ...(attempt.number > 0 && { again: true }) },
        attempt,
      ),
    );
  }
}
