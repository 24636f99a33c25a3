import { statfs } from 'node:fs/promises';
import type { StorageMetrics } from '@ckptree/service';
import type { FolderBackend } from '@ckptree/store';
import type { StorageService } from './storage.js';

/** Of what a store holds, those whose number tells something. */
const KINDS = ['packs', 'manifests', 'index', 'condemned', 'quarantine'] as const;
/** Milliseconds that the count of the objects holds good: a large store is not to be listed at every scrape. */
const COUNT_AGE_MS = 30_000;

/** What is asked of the service, and of the disk, whenever somebody looks. */
export function collectGauges(metrics: StorageMetrics, service: StorageService, folder: FolderBackend): void {
  const { uploads, inFlightBytes, volumeFree, volumeSize, objects, objectBytes } = metrics;
  const counts = { at: Number.NEGATIVE_INFINITY, counting: Promise.resolve() };
  const collect = async (): Promise<void> => {
    uploads.set(service.uploads.count);
    inFlightBytes.set(service.uploads.bytes);
    const { bavail, blocks, bsize } = await statfs(folder.location);
    volumeFree.set(bavail * bsize);
    volumeSize.set(blocks * bsize);
  };
  const collectCounts = (): Promise<void> => {
    const now = performance.now();
    if (now - counts.at > COUNT_AGE_MS) {
      counts.at = now;
      counts.counting = countObjects(metrics, folder);
    }
    return counts.counting;
  };
  for (const gauge of [uploads, inFlightBytes, volumeFree, volumeSize]) Object.assign(gauge, { collect });
  for (const gauge of [objects, objectBytes]) Object.assign(gauge, { collect: collectCounts });
}

async function countObjects({ objects, objectBytes }: StorageMetrics, folder: FolderBackend): Promise<void> {
  for (const kind of KINDS) {
    const listed = await folder.list(kind, true);
    objects.set({ kind }, listed.length);
    objectBytes.set(
      { kind },
      listed.reduce((sum, { size }) => sum + size, 0),
    );
  }
}
