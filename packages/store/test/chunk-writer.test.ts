import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentHash, FolderBackend, hexId } from '@ckptree/store';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sealChunk } from '../dist/chunk.js';
import { chunksOf, settings } from './support/chunks.js';
import { page } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const folders: string[] = [];
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true });
});

async function folder(): Promise<FolderBackend> {
  const path = await mkdtemp(join(tmpdir(), 'ckptree-writer-'));
  folders.push(path);
  return FolderBackend.open(path);
}

describe.each([
  ['to objects that grow', folder],
  ['to objects that are sent whole', async () => new MemoryBackend()],
])('a chunk writer %s', (_, make) => {
  test('keeps every chunk when several callers fill packs at once', async () => {
    const { writer, chunks } = await chunksOf(await make());
    const contents = Array.from({ length: 100 }, (_, seed) => page(seed));
    const ids = await Promise.all(contents.map((content) => writer.put(content)));
    await writer.flush();
    for (const [seed, id] of ids.entries())
      expect(Buffer.from(await chunks.content(id)).equals(contents[seed]!)).toBe(true);
    expect(writer.written.chunks).toBe(100);
  });

  test('gives back a content whose pack is not in the store yet, or is on its way', async () => {
    const { writer } = await chunksOf(await make());
    const id = await writer.put(page(1));
    const open = writer.waiting(id);
    const [flushed, sealing] = [writer.flush(), writer.waiting(id)];
    for (const content of [await open, await sealing])
      expect(Buffer.from(content!).equals(page(1))).toBe(true);
    await flushed;
    expect(writer.waiting(id)).toBeUndefined();
  });

  test('needs the memory of a record no longer than until it is added', async () => {
    const backend = await make();
    const { writer } = await chunksOf(backend);
    const contents = [1, 2].map((seed) => page(seed));
    const memory = Buffer.alloc(8192);
    for (const content of contents) {
      const { header, payload } = sealChunk(settings, contentHash().digest(content), content);
      const record = memory.subarray(0, header.length + payload.length);
      record.set(header);
      record.set(payload, header.length);
      await writer.addRecord(record);
      memory.fill(0);
    }
    await writer.flush();
    const { chunks } = await chunksOf(backend);
    for (const content of contents) {
      const id = hexId(contentHash().digest(content));
      expect(Buffer.from(await chunks.content(id)).equals(content)).toBe(true);
    }
  });

  test('leaves nothing behind when it is closed amid its work, and takes nothing more', async () => {
    const backend = await make();
    const { writer } = await chunksOf(backend);
    const puts = Array.from({ length: 20 }, (_, seed) => writer.put(page(seed)));
    await puts[0];
    await writer.close();
    const ends = await Promise.allSettled(puts);
    for (const end of ends)
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'EPIPE' });
    await expect(writer.put(page(100))).rejects.toMatchObject({ code: 'EPIPE' });
    if (backend instanceof FolderBackend) expect(await readdir(join(backend.location, 'tmp'))).toEqual([]);
  });
});
