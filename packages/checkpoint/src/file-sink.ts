import { dumpParallel } from './dump-parallel.js';
import type { DumpPool } from './dump-pool.js';
import type { ImageSink } from './image-sink.js';
import { OutputFile } from './output-file.js';

/** A file, written by all threads of a pool; it is named by its path, symbolic links resolved. */
export const fileSink = (output: string, pool: DumpPool): ImageSink<string> => ({
  async open() {
    const file = await OutputFile.create(output);
    return {
      write: (plan, _tree, { onProgress, ...options }) =>
        dumpParallel(plan, file, pool, {
          ...options,
          onProgress(progress) {
            file.beginWriteback(progress.bytes);
            onProgress?.(progress);
          },
        }),
      async commit() {
        await file.commit();
        return file.path;
      },
      discard: () => file.discard(),
    };
  },
});
