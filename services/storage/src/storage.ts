import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, type Served, STORAGE_QUEUE, serve, storage, storageAt } from '@ckptree/protocol';
import { ByteBudget } from './byte-budget.js';
import type { CreationComponents } from './creation.js';
import { JobTable } from './job-table.js';
import type { Maintenance } from './maintenance.js';
import { type MaintenanceObserver, maintenanceRequests } from './maintenance-requests.js';
import { objectRequests } from './object-requests.js';
import { UploadTable } from './upload-table.js';

export interface StorageOptions {
  /** A token of a subject that no other instance ever has, not even this one when it is started again. */
  readonly instance: string;
  /** Of the store's config. */
  readonly storeId: string;
  /** What the file `.volume` of the store's folder says. */
  readonly volumeMark: string;
  /** Bytes of a piece, a small object or a read. */
  readonly pieceBytes: number;
  /** Uploads under way at once. */
  readonly maxUploads: number;
  /** Bytes that have arrived and are not written yet, all clients together. */
  readonly maxBufferedBytes: number;
  /** An upload of which nothing is heard for so long is given up. */
  readonly uploadIdleMs: number;
  /** How often the leftovers of dead writers are looked for. */
  readonly cleanUpMs?: number;
}

export interface StorageComponents extends CreationComponents {
  readonly connection: Connection;
  readonly maintenance: Maintenance;
  readonly maintenanceObserver: MaintenanceObserver;
}

export interface StorageService {
  /** Uploads under way, and the bytes that they will have. */
  readonly uploads: { readonly count: number; readonly bytes: number };
  /** Takes no new work, and lets uploads come to their end until the deadline. */
  drain(deadline: AbortSignal): Promise<void>;
  /** Takes nothing more. Uploads that have not ended are given up: their senders begin anew at another instance. */
  stop(): Promise<void>;
}

/** Bytes of a message beside its content. */
export const HEADERS = 8 * 1024;
const CLEAN_UP_MS = 60_000;
/** Requests of one kind that are looked at; how many of them are let in is decided there. */
const CONCURRENCY = 4096;

/** One of the services that share a store. All of them may do the same work; only the pieces of an upload stay together. */
export const storageService =
  (options: StorageOptions) =>
  async (components: StorageComponents): Promise<StorageService> => {
    const { connection, folder, maintenance, maintenanceObserver } = components;
    const { instance, storeId, volumeMark, pieceBytes, maxUploads, maxBufferedBytes, uploadIdleMs } = options;
    await folder.cleanUp();
    const budget = new ByteBudget(maxBufferedBytes);
    const uploads = new UploadTable(components, budget, {
      uploads: maxUploads,
      idleMs: uploadIdleMs,
      pieceBytes,
    });
    const jobs = new JobTable();
    const objects = objectRequests(components, budget, {
      readBytes: connection.maxPayload - HEADERS,
      flush: () => connection.flush(),
    });
    const maintain = maintenanceRequests(instance, folder, maintenance, jobs, maintenanceObserver);
    const group = { queue: STORAGE_QUEUE, concurrency: CONCURRENCY };
    const alone = { concurrency: CONCURRENCY };
    const at = storageAt(instance);
    // First what is asked of this instance by name: it is told to others only by what follows.
    const own: Served[] = [
      serve(
        connection,
        at.piece,
        ({ upload, position }, { payload }) => uploads.piece(upload, position, payload),
        alone,
      ),
      serve(
        connection,
        at.finish,
        ({ upload, hash, ...creation }) => uploads.finish(upload, hash, creation),
        alone,
      ),
      serve(connection, at.drop, ({ upload }) => uploads.drop(upload).then(() => ({})), alone),
      serve(connection, at.job, ({ job, waitMs }) => jobs.wait(job, waitMs), alone),
    ];
    const shared: Served[] = [
      serve(
        connection,
        storage.info,
        async () => ({
          instance,
          store: folder.location,
          storeId,
          pieceBytes,
          volume: { path: folder.location, mark: volumeMark },
        }),
        group,
      ),
      serve(connection, storage.read, objects.read, group),
      serve(connection, storage.list, objects.list, group),
      serve(connection, storage.delete, objects.delete, group),
      serve(connection, storage.put, objects.put, group),
      serve(connection, storage.adopt, objects.adopt, group),
      serve(
        connection,
        storage.begin,
        async ({ name, size }) => ({ instance, pieceBytes, ...(await uploads.begin(name, size)) }),
        group,
      ),
      serve(connection, storage.gc, maintain.gc, group),
      serve(connection, storage.verify, maintain.verify, group),
      serve(connection, storage.forget, maintain.forget, group),
    ];
    const cleaning = setInterval(() => {
      folder.cleanUp().catch(() => undefined); // tried again; a disk that fails shows in what is asked of it
    }, options.cleanUpMs ?? CLEAN_UP_MS).unref();
    await connection.flush();
    return {
      get uploads() {
        return { count: uploads.size, bytes: uploads.bytes };
      },
      async drain(deadline) {
        await stopAll(shared);
        while (uploads.size > 0 && !deadline.aborted) {
          uploads.giveUpIdle(DRAIN_IDLE_MS);
          await sleep(DRAIN_POLL_MS);
        }
      },
      async stop() {
        clearInterval(cleaning);
        await stopAll(shared);
        await uploads.close();
        await stopAll(own);
      },
    };
  };

const DRAIN_POLL_MS = 20;
/**
 * An upload that has been silent for so long is not waited for at the end. Such there are after an outage: the answer to
 * a `begin` was lost with the server, and its sender has begun another.
 */
const DRAIN_IDLE_MS = 2_000;

async function stopAll(served: readonly Served[]): Promise<void> {
  await Promise.all(served.map((one) => one.stop()));
}
