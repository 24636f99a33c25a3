import { open, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { poolEngine, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { sealChunk } from '../dist/chunk.js';
import { contentHash } from '../dist/content-hash.js';
import { inlineEngine } from '../dist/put/chunk-engine.js';
import { StretchReader } from '../dist/stretch-reader.js';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const MIB = 1024 * 1024;

/** Resolves when this process has no file of a folder open, which is soon, or the test runs out of time. */
async function nothingOpenIn(folder: string): Promise<void> {
  for (;;) {
    const descriptors = await readdir('/proc/self/fd');
    const paths = descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
    if (!(await Promise.all(paths)).some((path) => path.startsWith(folder))) return;
    await setTimeout(10);
  }
}

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(3000) }]);

describe('a restore', () => {
  test('gives the sink 1 MiB at once, at most, and keeps no pack open', async () => {
    const folder = await scratch();
    const store = await Store.init(folder, { engine: poolEngine(2) });
    const { id } = await put(store, image);
    const parts: Buffer[] = [];
    await store.export(id, { write: (bytes) => void parts.push(Buffer.from(bytes)) });
    expect(Buffer.concat(parts).equals(image)).toBe(true);
    expect(Math.max(...parts.map(({ length }) => length))).toBe(MIB);
    await nothingOpenIn(folder);
    await store.close();
  });

  test('names pack and position of a damaged chunk, and keeps no pack open then', async () => {
    const folder = await scratch();
    const whole = await Store.init(folder);
    const { id } = await put(whole, image);
    await whole.close();
    const [pack] = await readdir(join(folder, 'packs'));
    const path = join(folder, 'packs', pack!);
    const bytes = await readFile(path);
    bytes[5000]! ^= 1;
    await writeFile(path, bytes);
    const store = await Store.open(folder, { engine: poolEngine(2) });
    await expect(exported(store, id)).rejects.toMatchObject({
      code: 'EIO',
      message: expect.stringMatching(/^chunk [0-9a-f]{64} is damaged/),
      fields: { path: `packs/${pack}`, position: expect.any(Number) },
    });
    await nothingOpenIn(folder);
    await store.close();
  });
});

describe.each([
  ['in threads', poolEngine(1)],
  ['in the calling thread', inlineEngine],
])('records of a file are opened %s', (_, engineOf) => {
  test('from any position; one that is damaged, cut off or too large for its target is told', async () => {
    const settings = { codec: 'zstd', level: 1 } as const;
    const engine = engineOf(settings);
    const content = Buffer.alloc(200_000, 'abc');
    const digest = contentHash().digest(content);
    const { header, payload } = sealChunk(settings, digest, content);
    const end = header.length + payload.length;
    const path = join(await scratch(), 'records');
    await writeFile(path, Buffer.concat([Buffer.alloc(7), header, payload]));
    const file = await open(path);
    const id = digest.toString('hex');
    const opened = async (position: number, length: number, room: number) => {
      const target = new Uint8Array(new SharedArrayBuffer(room));
      const source = { fd: file.fd, position, length };
      const [size] = await engine.openAll(source, [{ id, start: 0, end: length, target }]);
      return Buffer.from(target.subarray(0, size));
    };
    const damaged = expect.objectContaining({ code: 'EIO' });
    expect((await opened(7, end, MIB)).equals(content)).toBe(true);
    await expect(opened(6, end, MIB)).rejects.toEqual(damaged);
    await expect(opened(8, end, MIB)).rejects.toEqual(damaged);
    await expect(opened(7, end, content.length - 1)).rejects.toEqual(damaged);
    await file.close();
    await engine.close();
  });
});

test('a stretch that ends behind its file is given as far as it goes, in the same memory each time', async () => {
  const path = join(await scratch(), 'file');
  await writeFile(path, 'abcdef');
  const file = await open(path);
  const { fd } = file;
  const reader = new StretchReader();
  const first = reader.read({ fd, position: 0, length: 4 });
  expect(Buffer.from(first).toString()).toBe('abcd');
  const second = reader.read({ fd, position: 3, length: 4 });
  expect(Buffer.from(second).toString()).toBe('def');
  expect(second.buffer).toBe(first.buffer);
  await file.close();
});
