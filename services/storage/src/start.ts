import { randomBytes } from 'node:crypto';
import { ensureVolumeMark } from '@ckptree/carrier';
import { CkptError, isCkptError } from '@ckptree/errors';
import { type Connection, request, storage } from '@ckptree/protocol';
import {
  type Log,
  openConnection,
  type RunningService,
  readStoreSecrets,
  type ServiceComponents,
  storageMetrics,
} from '@ckptree/service';
import { hostOwners, readConfig } from '@ckptree/store';
import { storeAdmission } from './admission.js';
import { collectGauges } from './gauges.js';
import { storeMaintenance } from './maintenance.js';
import { maintenanceMetrics, objectMetrics } from './metrics.js';
import type { storageOptions } from './options.js';
import { HEADERS, storageService } from './storage.js';
import { openStoreFolder } from './store-folder.js';

type Components = ServiceComponents<typeof storageOptions>;

/** Wires the parts of the service together. */
export async function start(components: Components): Promise<RunningService> {
  const { config, log, registry, readiness } = components;
  const secrets = await readStoreSecrets(config);
  const { folder, config: storeConfig } = await openStoreFolder(config.store, config.init, secrets);
  const metrics = storageMetrics(registry);
  const connection = await openConnection('storage', components);
  try {
    const instance = instanceName(config.id);
    await checkOthers(connection, storeConfig.id, log);
    const service = await storageService({
      instance,
      storeId: storeConfig.id,
      volumeMark: await ensureVolumeMark(folder.location),
      pieceBytes: Math.min(config.pieceSize, connection.maxPayload - HEADERS),
      maxUploads: config.maxUploads,
      maxBufferedBytes: config.maxBuffered,
      uploadIdleMs: config.uploadIdleMs,
    })({
      connection,
      folder,
      owners: hostOwners(),
      admission: storeAdmission(folder, storeConfig),
      observer: objectMetrics(metrics),
      maintenance: storeMaintenance(config.store, secrets),
      maintenanceObserver: maintenanceMetrics(metrics),
    });
    readiness.add('store', async () => {
      await readConfig(folder);
    });
    collectGauges(metrics, service, folder);
    log.info({ instance, store: folder.location, encrypted: storeConfig.encrypted }, 'serving');
    return {
      drain: (deadline) => service.drain(deadline),
      close: async () => {
        await service.stop();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

const INFO_TIMEOUT_MS = 2_000;

/** Services that serve different stores side by side would tear every one of them apart. @throws EBUSY one is there */
async function checkOthers(connection: Connection, storeId: string, log: Log): Promise<void> {
  try {
    const other = await request(connection, storage.info, {}, { timeoutMs: INFO_TIMEOUT_MS });
    if (other.storeId !== storeId)
      throw new CkptError(
        'EBUSY',
        `the storage service ${other.instance} of this cluster serves another store (${other.store}); all must serve the same`,
        { field: '--store' },
      );
  } catch (error) {
    if (!isCkptError(error) || error.code === 'EBUSY') throw error;
    // EAGAIN: this is the first.
    if (error.code !== 'EAGAIN') log.warn({ err: error }, 'it is not known which store other services serve');
  }
}

/** A token of a subject. No two runs have the same: what is sent to one that is gone is answered by nobody, at once. */
const instanceName = (id: string): string =>
  `${id.toLowerCase().replaceAll('_', '-').slice(0, 50)}-${randomBytes(4).toString('hex')}`;
