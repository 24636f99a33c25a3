import { randomBytes } from 'node:crypto';
import { readFile, statfs } from 'node:fs/promises';
import { ensureVolumeMark } from '@ckptree/carrier';
import { CkptError, isCkptError } from '@ckptree/errors';
import { Connection } from '@ckptree/protocol';
import { type RunningService, runService, type ServiceComponents, storageMetrics } from '@ckptree/service';
import { FolderBackend, hostOwners, readConfig, type Secret, Store, type StoreConfig } from '@ckptree/store';
import { storeAdmission } from './admission.js';
import { connectionOptions } from './connection-options.js';
import { storeMaintenance } from './maintenance.js';
import { maintenanceMetrics, objectMetrics } from './metrics.js';
import { storageOptions } from './options.js';
import { storageService } from './storage.js';

type Components = ServiceComponents<typeof storageOptions>;
type Config = Components['config'];

await runService({
  role: 'storage',
  description: 'Serves a store of checkpoints to the cluster. Any number of these may serve the same folder.',
  version: '0.1.0',
  options: storageOptions,
  check({ passphrase, keyFile }) {
    if (passphrase !== undefined && keyFile !== undefined)
      throw new CkptError('EINVAL', 'give a passphrase or a key file, not both', { field: '--key-file' });
  },
  start,
});

async function start({ config, log, registry, readiness, signal }: Components): Promise<RunningService> {
  const secrets = await secretsOf(config);
  const folder = await openFolder(config, secrets);
  const storeConfig = await readConfig(folder);
  const metrics = storageMetrics(registry);
  const connection = await Connection.open({
    ...connectionOptions(config, 'storage'),
    signal,
    onError: (error) => log.error({ err: error }, 'NATS refuses something'),
  });
  try {
    // No two runs have the same: what is sent to one that is gone is answered by nobody, and its sender knows.
    const instance = `${config.id.toLowerCase().replaceAll('_', '-').slice(0, 50)}-${randomBytes(4).toString('hex')}`;
    const service = await storageService({
      instance,
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
    readiness.add('nats', () => {
      if (!connection.connected) throw new CkptError('EAGAIN', 'there is no connection to NATS');
    });
    readiness.add('store', () => readConfig(folder).then(() => undefined));
    collectGauges(metrics, service, config.store);
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

/** Bytes of a message beside its content. */
const HEADERS = 8 * 1024;

async function secretsOf({ passphrase, keyFile }: Config): Promise<Secret[]> {
  if (passphrase !== undefined) return [{ passphrase }];
  return keyFile === undefined ? [] : [{ keyFile: await readFile(keyFile) }];
}

/** The folder of the store, which is made one if that is asked for. */
async function openFolder({ store, init }: Config, secrets: readonly Secret[]): Promise<FolderBackend> {
  const folder = await FolderBackend.open(store, { create: init });
  if (init) await makeStore(folder, secrets);
  return folder;
}

async function makeStore(folder: FolderBackend, [secret]: readonly Secret[]): Promise<void> {
  if ((await configOrNone(folder)) !== undefined) return;
  try {
    await (await Store.initBackend(folder, secret === undefined ? {} : { secret })).close();
  } catch (error) {
    if (!(isCkptError(error) && error.code === 'EEXIST')) throw error; // another service was faster
  }
}

async function configOrNone(folder: FolderBackend): Promise<StoreConfig | undefined> {
  try {
    return await readConfig(folder);
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is asked of the service, and of the disk, whenever somebody looks. */
function collectGauges(
  { uploads, inFlightBytes, volumeFree, volumeSize }: ReturnType<typeof storageMetrics>,
  service: { readonly uploads: { readonly count: number; readonly bytes: number } },
  path: string,
): void {
  const collect = async (): Promise<void> => {
    uploads.set(service.uploads.count);
    inFlightBytes.set(service.uploads.bytes);
    const { bavail, blocks, bsize } = await statfs(path);
    volumeFree.set(bavail * bsize);
    volumeSize.set(blocks * bsize);
  };
  Object.assign(uploads, { collect });
}
