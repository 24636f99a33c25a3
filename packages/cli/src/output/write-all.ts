import { hasGone, outputFailure } from './output-failure.js';

/**
 * Writes a text or bytes to a stream, all of it. When the reader has gone away the rest is dropped in silence.
 * @throws ENOSPC, EIO, ... the stream is a file that cannot be written
 */
export function writeAll(stream: NodeJS.WriteStream, content: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(content, (error) => {
      if (error == null || hasGone(error)) resolve();
      else reject(outputFailure(error));
    });
  });
}
