import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The end of a log, however long that is: `bytes` bytes at most. Nothing when it cannot be read. */
export function logTail(path: string, bytes: number): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const buffer = Buffer.alloc(bytes);
    const read = readSync(fd, buffer, 0, bytes, Math.max(0, fstatSync(fd).size - bytes));
    return buffer.toString('utf8', 0, read).trim();
  } catch {
    return ''; // it only explains what went wrong
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
