import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Peer, runCommand } from '../command.js';
import { sum } from '../measure.js';
import type { Contestant } from './contestant.js';
import { folderSize } from './folder-size.js';

export const RESTIC: Peer = { program: 'restic', debianPackage: 'restic' };
export const BORG: Peer = { program: 'borg', debianPackage: 'borgbackup' };
export const ZSTD: Peer = { program: 'zstd', debianPackage: 'zstd' };

/** A backup program with deduplication, compression and encryption, in its default settings. */
export function restic(image: string, folder: string): Contestant {
  const repository = join(folder, 'restic');
  const env = { RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(folder, 'restic-cache') };
  const run = (...args: string[]) => runCommand(['restic', '--quiet', '--repo', repository, ...args], env);
  return {
    name: 'restic',
    deduplicates: true,
    async fresh() {
      await rm(repository, { recursive: true, force: true });
      await run('init');
    },
    put: () => run('backup', image),
    async restore(target) {
      const parent = `${target}.restic`;
      const restored = await run('restore', 'latest', '--target', parent);
      const synced = await runCommand(['sync', join(parent, image)]);
      await runCommand(['mv', join(parent, image), target]);
      await rm(parent, { recursive: true });
      return sum(restored, synced);
    },
    storedBytes: () => folderSize(repository),
  };
}

/** Another, which must be told to compress by zstd; encrypted as restic is. */
export function borg(image: string, folder: string): Contestant {
  const repository = join(folder, 'borg');
  const env = { BORG_REPO: repository, BORG_PASSPHRASE: 'bench', BORG_BASE_DIR: join(folder, 'borg-base') };
  const run = (...args: string[]) => runCommand(['borg', ...args], env);
  let archive = 0;
  return {
    name: 'borg',
    deduplicates: true,
    async fresh() {
      await rm(repository, { recursive: true, force: true });
      await run('init', '--encryption', 'repokey-blake2');
    },
    put: () => run('create', '--compression', 'zstd,1', `::${++archive}`, image),
    async restore(target) {
      const parent = `${target}.borg`;
      await mkdir(parent);
      // It takes no folder to put files into but the one that it is called in.
      const extract = ['env', `--chdir=${parent}`, 'borg', 'extract', `::${archive}`];
      const restored = await runCommand(extract, env);
      const synced = await runCommand(['sync', join(parent, image)]);
      await runCommand(['mv', join(parent, image), target]);
      await rm(parent, { recursive: true });
      return sum(restored, synced);
    },
    storedBytes: () => folderSize(repository),
  };
}

/** A compressor: no deduplication, and a sync as anybody would do it by hand. @param threads that compress */
export function zstd(image: string, folder: string, threads: number): Contestant {
  const own = join(folder, `zstd-${threads}`);
  const packed = join(own, 'image.zst');
  const compress = ['zstd', '-q', '-1', `-T${threads}`, image, '-o', packed];
  return {
    name: `zstd -1 -T${threads} and sync`,
    deduplicates: false,
    async fresh() {
      await rm(own, { recursive: true, force: true });
      await mkdir(own);
    },
    put: async () => sum(await runCommand(compress), await runCommand(['sync', packed])),
    restore: async (target) =>
      sum(await runCommand(['zstd', '-q', '-d', packed, '-o', target]), await runCommand(['sync', target])),
    storedBytes: async () => (await stat(packed)).size,
  };
}
