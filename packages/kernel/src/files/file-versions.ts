import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { CkptError } from '@ckptree/errors';

const MAX_CACHED = 10_000;

/**
 * Versions of files: 64 bits of the SHA-256 of their contents, so that a copy on another machine has the same one. A
 * file that has not been touched since is not read again.
 */
export class FileVersions {
  readonly #known = new Map<string, bigint>();

  /** @throws ENOENT the file is gone; it could not be opened again at restart */
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

/** The version of a file's present contents; never 0, which stands for an unknown version. */
export async function contentVersion(path: string): Promise<bigint> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest().readBigUInt64LE(0) || 1n;
}
