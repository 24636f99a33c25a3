import { CkptError } from '@ckptree/errors';
import { type Connection, request, storage } from '@ckptree/protocol';
import { checkObjectName, FolderBackend, type ObjectBackend, type ObjectInfo } from '@ckptree/store';
import { NatsBackend } from './nats-backend.js';
import { ObjectContent } from './object-content.js';
import { type CarrierObserver, noObserver } from './observer.js';
import type { PatienceOptions } from './patience.js';
import { readVolumeMark } from './volume.js';

/** A request costs less than a file that is written, read and linked. */
const SMALL_BYTES = 128 * 1024;

export interface ClaimCheckOptions extends PatienceOptions {
  /** Up to this size an object is sent rather than deposited. */
  readonly smallBytes?: number;
}

const DEPOSIT_PIECE = 4 * 1024 * 1024;

/**
 * A store on a volume that this host shares with the storage services. Large objects are written to `incoming/` there,
 * and only their name, size and hash are sent; a service checks the file and gives it its place. Reads go
 * straight to the volume.
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
    const info = await request(connection, storage.info, {});
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
    const object = new ObjectContent(content);
    if (object.size <= this.#smallBytes) return this.#remote.put(name, content, lease);
    const incoming = await this.#folder.deposit(bytesOf(object));
    try {
      const body = {
        name,
        incoming,
        size: object.size,
        hash: object.hash(),
        ...(lease !== undefined && { lease }),
      };
      return await this.#remote.create(name, object.size, 'volume', (attempt) =>
        request(
          this.#connection,
          storage.adopt,
          { ...body, ...(attempt.number > 0 && { again: true }) },
          attempt,
        ),
      );
    } finally {
      await this.#folder.removeDeposit(incoming);
    }
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
}

/** In order; each piece is hashed on its way. */
function* bytesOf(content: ObjectContent): Iterable<Uint8Array> {
  for (const { bytes } of content.pieces(DEPOSIT_PIECE)) yield bytes;
}
