import { existsSync, rmSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';

/**
 * Loaded into a service before its own code: as long as the file FAILING_SYNC is there, the disk does not make the names of checkpoints
 * durable. With FAILING_SYNC_ONCE, it fails once only.
 */
const { FAILING_SYNC, FAILING_SYNC_ONCE } = process.env;
const { open } = promises;

promises.open = async (path, ...options) => {
  const file = await open(path, ...options);
  if (basename(String(path)) !== 'manifests') return file;
  const sync = file.sync.bind(file);
  file.sync = async () => {
    if (!existsSync(FAILING_SYNC)) return sync();
    if (FAILING_SYNC_ONCE) rmSync(FAILING_SYNC);
    throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', syscall: 'fsync' });
  };
  return file;
};
syncBuiltinESMExports();
