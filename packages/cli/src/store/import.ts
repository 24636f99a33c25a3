import type { ByteSource } from '@ckptree/model';
import type { FileSource } from '@ckptree/restart/file-source';
import { withFile } from '../images.js';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatBytes } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import { type CheckpointInfo, infoOf } from './checkpoint-info.js';
import { withStore } from './open-store.js';
import type { StoreOptions } from './store-options.js';

/** What people call a checkpoint. */
export interface Naming {
  readonly name?: string | undefined;
  readonly label?: Readonly<Record<string, string>> | undefined;
}

/** Puts the image of a file into the store. */
export function importFile(
  path: string,
  { name, label = {}, ...options }: StoreOptions & Naming,
  session: Session,
): Promise<Outcome<CheckpointInfo>> {
  const { signal, progress } = session;
  return withFile(path, (file) =>
    withStore(options, { create: true }, async (store) => {
      const onProgress = (bytes: number): void => {
        signal.throwIfAborted();
        progress.bytes('storing the image', bytes, file.size);
      };
      const writing = await store.begin({ ...(name !== undefined && { name }), labels: label, onProgress });
      try {
        await writing.importImage(untilAborted(file, signal));
        return { report: infoOf(await writing.commit()), exitCode: 0 };
      } catch (error) {
        await writing.abort();
        throw error;
      }
    }),
  );
}

/** The same bytes, until the signal is raised. Threads that read the file themselves do not hear of it. */
const untilAborted = (source: FileSource, signal: AbortSignal): ByteSource => ({
  fd: source.fd,
  size: source.size,
  read(position, length) {
    signal.throwIfAborted();
    return source.read(position, length);
  },
});

export function formatImport({ id, name, sizes }: CheckpointInfo, { strong }: Palette): string {
  const called = name === undefined ? '' : ` (${printable(name)})`;
  return `Checkpoint ${strong(id)}${called}: ${formatBytes(sizes.logical)}, ${strong(formatBytes(sizes.stored))} of them newly stored\n`;
}
