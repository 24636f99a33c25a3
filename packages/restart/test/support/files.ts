import { closeSync, openSync, readdirSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Damages a file. */
export function flipByte(path: string, position: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, position);
  byte[0]! ^= 0xff;
  writeSync(fd, byte, 0, 1, position);
  closeSync(fd);
}

/** Files below a folder that this process has open. */
export function openFilesIn(folder: string): string[] {
  const targets = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(join('/proc/self/fd', fd))];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
  return targets.filter((file) => file.startsWith(folder));
}
