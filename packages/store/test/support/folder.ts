import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import type { Manifest, SessionOptions, Store } from '@ckptree/store';
import { afterEach } from '@jest/globals';

const made: string[] = [];

afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

/**
 * A new folder that is removed after the test.
 * @param preferred where it should be, if that is there: memory, for tests that sync thousands of times
 */
export async function scratch(preferred = tmpdir()): Promise<string> {
  const path = await mkdtemp(join(existsSync(preferred) ? preferred : tmpdir(), 'ckptree-store-'));
  made.push(path);
  return path;
}

/** Stores an image. */
export async function put(store: Store, image: Uint8Array, options: SessionOptions = {}): Promise<Manifest> {
  const session = await store.begin(options);
  try {
    await session.importImage(bytesSource(image));
    return await session.commit();
  } finally {
    await session.abort();
  }
}

/** The image of a checkpoint, whole. */
export async function exported(store: Store, id: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  await store.export(id, { write: (bytes) => void parts.push(Buffer.from(bytes)) });
  return Buffer.concat(parts);
}
