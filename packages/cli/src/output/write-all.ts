import { hasGone, outputFailure } from './output-failure.js';

/** Bytes, or rather characters, of pieces that are written together. */
const BATCH = 64 * 1024;

/**
 * Writes a text or bytes to a stream, all of it. When the reader has gone away the rest is dropped in silence.
 * @param content pieces of text are asked for as they are written: all of them together may be more than memory holds
 * @throws ENOSPC, EIO, ... the stream is a file that cannot be written
 */
export async function writeAll(
  stream: NodeJS.WriteStream,
  content: string | Uint8Array | Iterable<string>,
): Promise<void> {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    await writePiece(stream, content);
    return;
  }
  for (const batch of batches(content)) if (!(await writePiece(stream, batch))) return;
}

function* batches(pieces: Iterable<string>): Generator<string> {
  let batch = '';
  for (const piece of pieces) {
    batch += piece;
    if (batch.length < BATCH) continue;
    yield batch;
    batch = '';
  }
  yield batch;
}

/** @returns false when nobody reads any more */
function writePiece(stream: NodeJS.WriteStream, piece: string | Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => {
      if (error == null) resolve(true);
      else if (hasGone(error)) resolve(false);
      else reject(outputFailure(error));
    });
  });
}
