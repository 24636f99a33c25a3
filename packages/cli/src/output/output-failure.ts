import { setImmediate } from 'node:timers/promises';
import { asCkptError, CkptError, reasonOf } from '@ckptree/errors';

/** That output is lost because a reader has gone away (`ckptree inspect x | head`) is no failure: it has what it wanted. */
export const hasGone = (error: Error): boolean => (error as NodeJS.ErrnoException).code === 'EPIPE';

/** @returns what to tell when output could not be written */
export const outputFailure = (error: Error): CkptError =>
  new CkptError(asCkptError(error).code, `the output could not be written: ${reasonOf(error)}`, {}, error);

/**
 * Watches over what is written to a stream by whoever does not wait for it, such as the help.
 * @returns tells, once all is written, why some of it could not be
 */
export function watchOutput(stream: NodeJS.WriteStream): () => Promise<CkptError | undefined> {
  let failure: CkptError | undefined;
  stream.on('error', (error) => {
    if (!hasGone(error)) failure ??= outputFailure(error);
  });
  return async () => {
    await new Promise<void>((resolve) => void stream.write('', () => resolve()));
    // The event comes behind the answer to the write.
    await setImmediate();
    return failure;
  };
}
