import { spawnSync } from 'node:child_process';
import { cp, mkdir, rename, rm } from 'node:fs/promises';

/** Much more than a drill stores. */
const SIZE = '1g';

/** A small disk for a folder alone: one that may be filled. */
export interface OwnDisk {
  /** Gives it back. @param keep leaves what is on it in the folder */
  remove(keep: boolean): Promise<void>;
}

/** @returns undefined where this user may not mount one */
export async function ownDisk(folder: string): Promise<OwnDisk | undefined> {
  await mkdir(folder, { recursive: true });
  const options = `size=${SIZE},mode=0700`;
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'ckptree-drill', folder]);
  if (status !== 0) return undefined;
  return {
    remove: async (keep) => {
      const kept = `${folder}-kept`;
      if (keep) await cp(folder, kept, { recursive: true });
      spawnSync('umount', [folder]);
      if (!keep) return;
      await rm(folder, { recursive: true });
      await rename(kept, folder);
    },
  };
}
