import { write } from 'node:fs';
import { promisify } from 'node:util';
import type { OutputFile } from '@ckptree/checkpoint';
import { at, CkptError } from '@ckptree/errors';
import type { ByteSink } from '@ckptree/model';

const writeTo = promisify(write);

/**
 * Writes into an output file from its start on.
 * @param onWritten told after each write how many bytes are in the file
 * @param signal stops it, with EINTR
 */
export function fileSink(
  file: OutputFile,
  signal: AbortSignal,
  onWritten: (bytes: number) => void = () => undefined,
): ByteSink {
  let position = 0;
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length; ) {
        signal.throwIfAborted();
        const { bytesWritten } = await writeTo(file.fd, bytes, done, bytes.length - done, position).catch(
          (error: unknown) => {
            throw at(error, { path: file.path });
          },
        );
        if (bytesWritten === 0)
          throw new CkptError('EIO', `${file.path} takes no more bytes and does not say why`, {
            path: file.path,
          });
        done += bytesWritten;
        position += bytesWritten;
      }
      file.beginWriteback(position);
      onWritten(position);
    },
  };
}
