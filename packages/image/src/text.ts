import { isUtf8 } from 'node:buffer';
import { CkptError } from '@ckptree/errors';

/**
 * Text as the format keeps it: UTF-8, ended by a NUL. In a field of given size zeros fill the rest.
 */
const encoder = new TextEncoder();
// A byte order mark is text like any other.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The text with its NUL, filled up with zeros to `size` bytes when that is given.
 * @throws EINVAL it holds a NUL; EOVERFLOW it does not fit `size`
 */
export function encodeText(text: string, size?: number): Uint8Array {
  const encoded = encoder.encode(text);
  if (encoded.includes(0)) throw new CkptError('EINVAL', `the text ${JSON.stringify(text)} holds a NUL`);
  if (size !== undefined && encoded.length >= size)
    throw new CkptError('EOVERFLOW', `the text ${JSON.stringify(text)} is longer than ${size - 1} bytes`);
  const bytes = new Uint8Array(size ?? encoded.length + 1);
  bytes.set(encoded);
  return bytes;
}

/** The text up to its NUL; undefined unless there is one, only zeros follow it, and the text is UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  if (end === -1 || bytes.subarray(end).some((byte) => byte !== 0)) return undefined;
  const text = bytes.subarray(0, end);
  return isUtf8(text) ? decoder.decode(text) : undefined;
}
