import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { CkptError, cannot } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';

/** A regular file that is read by position. */
export interface FileSource extends ByteSource {
  readonly path: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** The host's descriptor; any thread of the process may read from it. */
  readonly fd: number;
  close(): void;
}

export const isFileSource = (source: ByteSource): source is FileSource => 'fd' in source;

/** @throws ENOENT, EPERM, ... what the host says; EINVAL it is a directory, a device, a pipe */
export function openFileSource(path: string): FileSource {
  const fd = open(path);
  const { size } = fstatSync(fd);
  let buffer = Buffer.alloc(0);
  return {
    path,
    size,
    fd,
    read(position, length) {
      const wanted = Math.min(length, Math.max(0, size - position));
      if (buffer.length < wanted) buffer = Buffer.allocUnsafe(wanted);
      let filled = 0;
      while (filled < wanted) {
        const count = readSync(fd, buffer, filled, wanted - filled, position + filled);
        // The file became shorter since it was opened: tell what there is.
        if (count === 0) break;
        filled += count;
      }
      return buffer.subarray(0, filled);
    },
    close: () => closeSync(fd),
  };
}

function open(path: string): number {
  let fd: number;
  try {
    // Not blocking: a pipe that nobody writes to would wait for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw cannot('open', path, error);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new CkptError('EINVAL', `${path} is not a regular file`, { path });
}
