import { basename, dirname } from 'node:path';
import { type FileSystem, realFileSystem } from '@ckptree/store';

/** A disk that fails to make names of checkpoints durable, so many times, and perhaps to take them away. */
export function failingDisk(syncs: number, keepsNames: boolean): FileSystem {
  const broken = (what: string): Error => Object.assign(new Error(`${what} failed`), { code: 'EIO' });
  return {
    ...realFileSystem,
    async open(path, ...options) {
      const file = await realFileSystem.open(path, ...options);
      if (basename(path) === 'manifests')
        file.sync = async () => {
          if (syncs-- > 0) throw broken('sync');
        };
      return file;
    },
    async unlink(path) {
      if (keepsNames && basename(dirname(path)) === 'manifests') throw broken('unlink');
      await realFileSystem.unlink(path);
    },
  };
}
