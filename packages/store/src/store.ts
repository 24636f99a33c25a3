import { CkptError } from '@ckptree/errors';
import type { ByteSink } from '@ckptree/model';
import { FolderBackend } from './backend/folder-backend.js';
import type { ObjectBackend } from './backend/object-backend.js';
import type { CodecName } from './chunk.js';
import { ChunkReader } from './chunk-reader.js';
import { openRecords } from './chunk-records.js';
import { createConfig, newConfig, readConfig, type StoreConfig } from './config.js';
import { contentHash } from './content-hash.js';
import { isGone, isUnreadable } from './faults.js';
import { findCheckpoint, newestNamed, type Unreadable } from './find-checkpoint.js';
import { type ForgetPolicy, forgottenBy } from './forget-policy.js';
import { collectGarbage, type GcOptions, type GcReport } from './gc.js';
import {
  isManifestId,
  listManifestIds,
  type Manifest,
  manifestName,
  readManifest,
} from './image/manifest.js';
import { StoredImage } from './image/stored-image.js';
import { ChunkIndex } from './index/chunk-index.js';
import {
  addKey,
  deriveKeys,
  type KeyInfo,
  listKeys,
  newMasterKey,
  removeKey,
  type Secret,
  unlock,
} from './keys.js';
import { KIND, objectName } from './layout.js';
import { liveLeases } from './lease.js';
import { hostOwners, type Owners } from './owner.js';
import { PACK_SIZE } from './pack/pack-format.js';
import { ahead } from './put/ahead.js';
import { type ChunkEngine, inlineEngine } from './put/chunk-engine.js';
import { SlabPool } from './put/slab-pool.js';
import { SpareSlabs } from './put/spare-slabs.js';
import { type RepairOptions, type RepairReport, repairStore } from './repair.js';
import { Session, type SessionOptions } from './session.js';
import type { StoreContext } from './store-context.js';
import { type StoreReport, type VerifyOptions, verifyStore } from './verify.js';

export interface InitOptions {
  /** Encrypts everything; the store opens with this secret, and others added later. */
  readonly secret?: Secret;
  readonly codec?: CodecName;
  /** Of the codec: 1 (fast) to 19 (small). */
  readonly level?: number;
  /** Cost of scrypt for the passphrase, a power of two. */
  readonly scryptCost?: number;
}

export interface OpenOptions {
  /** Of an encrypted store: one that is not is refused then. Each is tried. A function is asked only when the store is encrypted. */
  readonly secrets?: readonly Secret[] | (() => Promise<readonly Secret[]>);
  readonly owners?: Owners;
  /** What hashes and compresses; by default the calling thread. The store closes it. */
  readonly engine?: (settings: StoreContext['settings']) => ChunkEngine;
  /** Bytes at which a pack is sealed. */
  readonly packSize?: number;
}

/** Checkpoints that are listed, and those whose manifests cannot be read. */
export interface Listing {
  /** Oldest first. */
  readonly checkpoints: readonly Manifest[];
  readonly damaged: readonly Unreadable[];
}

export interface StoreInfo {
  readonly config: StoreConfig;
  readonly checkpoints: number;
  readonly packs: number;
  /** Bytes of all packs. */
  readonly packBytes: number;
  /** Bytes of all images. */
  readonly logicalBytes: number;
  readonly condemnedPacks: number;
  readonly writers: number;
}

/**
 * A store of checkpoints. Any number of processes may use one at once.
 *
 * @example
 * const store = await Store.init('/var/lib/ckptree');
 * const session = await store.begin({ name: 'nightly' });
 * await session.importImage(source);
 * const { id } = await session.commit();
 * await store.export(id, sink); // the same bytes
 */
export class Store {
  readonly config: StoreConfig;
  readonly #context: StoreContext;
  readonly #master: Uint8Array | undefined;

  private constructor(config: StoreConfig, context: StoreContext, master: Uint8Array | undefined) {
    this.config = config;
    this.#context = context;
    this.#master = master;
  }

  /** Makes a folder a store and opens it. @throws EEXIST it is one already; EPERM, ENOENT, ENOSPC */
  static async init(path: string, options: InitOptions & OpenOptions = {}): Promise<Store> {
    const { owners = hostOwners() } = options;
    return Store.initBackend(await FolderBackend.open(path, { create: true, owners }), {
      ...options,
      owners,
    });
  }

  /**
   * @throws ENOENT it is no store; EPERM no secret fits, there is nothing to be opened by one, or others may write to it; ENOEXEC it is of another version;
   *         EIO, EBADMSG its description is damaged
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Store> {
    const { owners = hostOwners() } = options;
    return Store.openBackend(await FolderBackend.open(path, { owners }), { ...options, owners });
  }

  static async initBackend(backend: ObjectBackend, options: InitOptions & OpenOptions = {}): Promise<Store> {
    const { secret, codec = 'zstd', level = 1, scryptCost } = options;
    const config = newConfig({ encrypted: secret !== undefined, codec, level });
    // The key first: a store that is there can be opened. One that was cut short here is no store yet.
    const key =
      secret === undefined
        ? undefined
        : await addKey({ backend, storeId: config.id }, newMasterKey(), secret, 'first', scryptCost);
    try {
      await createConfig(backend, config);
    } catch (error) {
      if (key !== undefined) await backend.delete(objectName(KIND.keys, key.id)).catch(() => undefined); // repair gets it
      throw error;
    }
    return Store.openBackend(backend, secret === undefined ? options : { ...options, secrets: [secret] });
  }

  static async openBackend(backend: ObjectBackend, options: OpenOptions = {}): Promise<Store> {
    const { secrets = [], owners = hostOwners(), engine = inlineEngine, packSize = PACK_SIZE } = options;
    const config = await readConfig(backend);
    const { id: storeId } = config;
    // What is meant for an encrypted store must not go into one that somebody put in its place.
    if (!config.encrypted && typeof secrets !== 'function' && secrets.length > 0)
      throw new CkptError(
        'EPERM',
        `the store ${backend.location} is not encrypted, though a secret was given for it; give none if it never was`,
        { path: backend.location },
      );
    const master = config.encrypted
      ? await unlock({ backend, storeId }, typeof secrets === 'function' ? await secrets() : secrets)
      : undefined;
    const keys = master === undefined ? undefined : deriveKeys(master);
    const { codec, level } = config;
    const settings = { codec, level, ...(keys && { idKey: keys.idKey, dataKey: keys.dataKey }) };
    const hash = contentHash(keys?.idKey);
    await backend.cleanUp?.();
    const index = await ChunkIndex.open(backend, hash);
    const chunkEngine = engine(settings);
    const context: StoreContext = {
      backend,
      storeId,
      owners,
      index,
      chunks: new ChunkReader(backend, index, chunkEngine),
      settings,
      hash,
      engine: chunkEngine,
      slabs: new SpareSlabs(),
      packSize,
      ...(keys && { documentKey: keys.documentKey }),
    };
    return new Store(config, context, master);
  }

  close(): Promise<void> {
    this.#context.slabs.clear();
    return this.#context.engine.close();
  }

  /** Begins a checkpoint. Without a parent, the newest one of the same name is taken. */
  async begin(options: SessionOptions = {}): Promise<Session> {
    const parent = options.parent ?? (await newestNamed(this.#context, options.name)).named?.id;
    return Session.begin(this.#context, parent === undefined ? options : { ...options, parent });
  }

  /** @param labels that a checkpoint must have */
  async list(labels: Readonly<Record<string, string>> = {}): Promise<Listing> {
    const checkpoints: Manifest[] = [];
    const damaged: { id: string; error: unknown }[] = [];
    for (const id of await listManifestIds(this.#context.backend)) {
      try {
        const manifest = await this.#manifest(id);
        if (Object.entries(labels).every(([key, value]) => manifest.labels[key] === value))
          checkpoints.push(manifest);
      } catch (error) {
        if (isGone(error)) continue; // just forgotten
        if (!isUnreadable(error)) throw error;
        damaged.push({ id, error });
      }
    }
    return { checkpoints, damaged };
  }

  /**
   * The checkpoint that somebody means by an id, a name, or the unique beginning of an id or of its random part. Where names
   * need not be looked for, which are in the manifests, that is not done.
   * @throws ENOENT none; EINVAL several; EIO, EBADMSG, EPERM, ... its manifest cannot be read, or that of a newer one, which may have
   *   the name
   */
  resolve(text: string): Promise<Manifest> {
    return findCheckpoint(this.#context, text);
  }

  /** The image of a checkpoint, byte for byte, read by position in any order. @throws ENOENT, EIO, EBADMSG */
  async source(id: string): Promise<StoredImage> {
    return new StoredImage(await this.#manifest(id), this.#context.chunks, (chunks) =>
      openRecords(this.#context, chunks),
    );
  }

  /** Writes the image of a checkpoint to a sink. @throws ENOENT, EIO, EBADMSG; what the sink throws */
  async export(id: string, sink: ByteSink, onProgress?: (bytes: number) => void): Promise<void> {
    const image = await this.source(id);
    let done = 0;
    const { engine, slabs } = this.#context;
    engine.prepare(image.size);
    const { lanes } = engine;
    const buffers = new SlabPool(EXPORT_PIECE, lanes + 1, slabs);
    for await (const { buffer, reading } of ahead(piecesOf(image, buffers), lanes)) {
      const bytes = await reading;
      for (let from = 0; from < bytes.length; from += WRITE_SIZE)
        await sink.write(bytes.subarray(from, from + WRITE_SIZE));
      buffers.give(buffer);
      done += bytes.length;
      onProgress?.(done);
    }
  }

  /** Removes checkpoints; gc() gives back their space. @throws ENOENT one is not there; the others are removed */
  async forget(ids: readonly string[]): Promise<void> {
    const known = new Set(await listManifestIds(this.#context.backend));
    // Also those that are not there: that they have gone may not be durable yet.
    for (const id of ids) if (isManifestId(id)) await this.#context.backend.delete(manifestName(id));
    const missing = ids.find((id) => !known.has(id));
    if (missing !== undefined) throw new CkptError('ENOENT', `the store has no checkpoint ${missing}`);
  }

  /** The checkpoints that a policy gives up. Nothing is removed: that is up to forget(). */
  async plan(policy: ForgetPolicy, labels: Readonly<Record<string, string>> = {}): Promise<Manifest[]> {
    return forgottenBy(policy, (await this.list(labels)).checkpoints, new Date());
  }

  gc(options: GcOptions = {}): Promise<GcReport> {
    return collectGarbage(this.#context, options);
  }

  verify(options: VerifyOptions = {}): Promise<StoreReport> {
    return verifyStore(this.#context, options);
  }

  repair(options: RepairOptions = {}): Promise<RepairReport> {
    return repairStore(this.#context, options);
  }

  async info(): Promise<StoreInfo> {
    const { index, backend, owners } = this.#context;
    await index.refresh();
    const { checkpoints } = await this.list();
    const packs = [...index.packs];
    return {
      config: this.config,
      checkpoints: checkpoints.length,
      packs: packs.length,
      packBytes: packs.reduce((sum, [, { size }]) => sum + size, 0),
      logicalBytes: checkpoints.reduce((sum, { sizes }) => sum + sizes.logical, 0),
      condemnedPacks: packs.filter(([pack]) => index.isCondemned(pack)).length,
      writers: (await liveLeases(backend, owners)).length,
    };
  }

  keys(): Promise<KeyInfo[]> {
    return listKeys(this.#context);
  }

  /** @throws EINVAL the store is not encrypted, or the secret is too weak */
  async addKey(secret: Secret, label: string, scryptCost?: number): Promise<KeyInfo> {
    if (this.#master === undefined)
      throw new CkptError(
        'EINVAL',
        `the store ${this.#context.backend.location} is not encrypted; that is chosen when it is made`,
      );
    return addKey(this.#context, this.#master, secret, label, scryptCost);
  }

  /** @throws ENOENT no such key; EPERM it is the last one */
  removeKey(id: string): Promise<void> {
    return removeKey(this.#context, id);
  }

  #manifest(id: string): Promise<Manifest> {
    return readManifest(this.#context.backend, id, this.#context.documentKey);
  }
}

/** Bytes that are exported at once. */
const EXPORT_PIECE = 4 * 1024 * 1024;

/**
 * Bytes that are given to the sink at once. The system puts larger writes to files into blocks of memory that the host of a
 * virtual machine has taken back. (Measured: 495 MB in 0.07 CPU s, with 2 MiB at once or more in 0.07 to 1.3.)
 */
const WRITE_SIZE = 1024 * 1024;

interface ExportPiece {
  /** Whoever has written the bytes gives it back. */
  readonly buffer: Uint8Array;
  readonly reading: Promise<Uint8Array>;
}

/** Pieces that are being read, in order. */
async function* piecesOf(image: StoredImage, buffers: SlabPool): AsyncIterable<ExportPiece> {
  for (let position = 0; position < image.size; position += EXPORT_PIECE) {
    const buffer = await buffers.take();
    const reading = image.readInto(buffer, position);
    reading.catch(() => undefined); // thrown again where it is awaited
    yield { buffer, reading };
  }
}
