import { at, CkptError } from '@ckptree/errors';
import { CancelFlag, cancelled } from './cancel.js';
import type { DumpPool } from './dump-pool.js';
import { type Part, splitIntoParts } from './parts.js';
import type { Plan } from './plan.js';

export interface DumpProgress {
  /** Bytes of the image that are written, of how many. */
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface ParallelDumpOptions {
  readonly signal?: AbortSignal;
  /** Called after each part. */
  readonly onProgress?: (progress: DumpProgress) => void;
}

/**
 * Writes the image with all threads of a pool: each writes its parts straight to their places in one file. The bytes are
 * those that `dumpSequential` writes. However it ends, no thread writes to the file any more when it returns.
 * @param file an empty file, open for writing, and its name for error messages
 * @throws the first failure; EPIPE a thread died; EINTR the signal was raised
 */
export async function dumpParallel(
  plan: Plan,
  file: { readonly fd: number; readonly path: string },
  pool: DumpPool,
  { signal, onProgress }: ParallelDumpOptions = {},
): Promise<void> {
  const cancel = new CancelFlag();
  let failure: CkptError | undefined;
  // The first failure is the cause; those that follow come from raising the flag.
  const fail = (error: unknown): void => {
    failure ??= at(error, { path: file.path });
    cancel.raise();
  };
  let bytes = 0;
  const dump = async (part: Part): Promise<void> => {
    try {
      const written = await pool.run({ kind: 'dump', part, fd: file.fd, cancel: cancel.shared });
      bytes += written;
      onProgress?.({ bytes, totalBytes: plan.size });
    } catch (error) {
      fail(error);
    }
  };

  const onAbort = (): void => fail(cancelled(signal?.reason));
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.all(splitIntoParts(plan, pool.threads).map(dump));
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  if (failure !== undefined) throw failure;
  if (bytes !== plan.size)
    throw new CkptError('EIO', `${bytes} bytes were written of an image of ${plan.size}`, {
      path: file.path,
    });
}
