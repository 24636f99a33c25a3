import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { CkptError } from '@ckptree/errors';

const MAX_CACHED = 10_000;
/** More takes longer to read than anybody waits: /proc/kcore says that it has 128 TiB. */
const MAX_BYTES = 2 ** 40;

/**
 * Versions of files: 64 bits of the SHA-256 of their contents, so that a copy on another machine has the same one. A
 * file that has not been touched since is not read again.
 */
export class FileVersions {
  readonly #known = new Map<string, bigint>();

  /** @throws ENOENT the file is gone; it could not be opened again at restart; else as contentVersion() */
  async of(path: string): Promise<bigint> {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true }).catch((cause: unknown) => {
      const message = `${path} is open but no longer there, so no restart could open it again`;
      throw new CkptError('ENOENT', message, { path }, cause);
    });
    const identity = `${dev}:${ino}:${size}:${mtimeNs}`;
    const known = this.#known.get(identity);
    if (known !== undefined) return known;
    const version = await contentVersion(path);
    if (this.#known.size >= MAX_CACHED) this.#known.clear();
    this.#known.set(identity, version);
    return version;
  }
}

/**
 * The version of a file's present contents, as many as its size says; never 0, which stands for an unknown version.
 * @param signal ends it, with its reason
 * @throws ENOSYS it is no regular file; E2BIG it is larger than 1 TiB; what the host says
 */
export async function contentVersion(path: string, signal?: AbortSignal): Promise<bigint> {
  // Not blocking: what was a file may be a pipe by now, that nobody writes to.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new CkptError('ENOSYS', `${path} is not a regular file`, { path });
    if (stats.size > MAX_BYTES) {
      const message = `${path} has ${stats.size} bytes; a file that tasks read may have up to 1 TiB`;
      throw new CkptError('E2BIG', message, { path });
    }
    const hash = createHash('sha256');
    // Files of /proc say that they are empty, and some of them have no end.
    if (stats.size > 0) {
      const contents = file.createReadStream({
        end: stats.size - 1,
        highWaterMark: 1 << 20,
        autoClose: false,
      });
      await pipeline(contents, hash, { ...(signal !== undefined && { signal }) });
    }
    return hash.digest().readBigUInt64LE(0) || 1n;
  } finally {
    await file.close();
  }
}
