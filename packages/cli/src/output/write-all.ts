import { asCkptError, CkptError } from '@ckptree/errors';

/**
 * Writes a text or bytes to a stream, all of it. When the reader has gone away (`ckptree inspect x | head`) the rest is dropped
 * in silence: it has what it wanted.
 * @throws ENOSPC, EIO, ... the stream is a file that cannot be written
 */
export function writeAll(stream: NodeJS.WriteStream, content: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(content, (error) => {
      if (error == null || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else reject(cannotWrite(error));
    });
  });
}

function cannotWrite(error: Error): CkptError {
  const { code } = asCkptError(error);
  return new CkptError(code, `the report could not be written: ${error.message}`, {}, error);
}
