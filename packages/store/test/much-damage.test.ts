import { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { CHUNK_HEADER_SIZE, CODEC, sealChunk } from '../dist/chunk.js';
import { contentHash } from '../dist/content-hash.js';
import { encodePackEnd, encodePackHeader, PACK_HEADER_SIZE } from '../dist/pack/pack-format.js';
import { put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

/** More than a function takes arguments. */
const CHUNKS = 150_000;

test('a store of which a very large number of chunks is damaged can be verified', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const [id, hash] = ['0123456789abcdef'.repeat(2), contentHash()];
  const headers: Uint8Array[] = [];
  const records: Uint8Array[] = [];
  for (let number = 0; number < CHUNKS; number++) {
    const content = Buffer.from(`${number}`.padStart(8));
    const { header, payload } = sealChunk({ codec: 'none', level: 1 }, hash.digest(content), content);
    records.push(header, payload);
    // The table of the pack says of each that it is compressed, and larger by a byte.
    const wrong = Buffer.from(header);
    wrong.writeUInt32LE(content.length + 1, 36);
    wrong.writeUInt8(CODEC.zstd, 40);
    headers.push(wrong);
  }
  const end = PACK_HEADER_SIZE + CHUNKS * (CHUNK_HEADER_SIZE + 8);
  const content = [encodePackHeader(id), ...records, ...encodePackEnd(id, Buffer.concat(headers), end, hash)];
  await backend.put(`packs/${id}`, content);
  expect((await store.verify({ readData: true })).findings).toHaveLength(CHUNKS);
});

test('a chunk that many checkpoints miss costs no list of all checkpoints for each of them', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const checkpoints = 20;
  for (let time = 0; time < checkpoints; time++)
    await put(store, buildImage([{ pid: 1, ppid: 0, pages: pages(3) }], BigInt(time)));
  for (const name of [...backend.objects.keys()]) if (name.startsWith('packs/')) await backend.delete(name);
  let lists = 0;
  const list = backend.list.bind(backend);
  backend.list = (kind) => {
    if (kind === 'manifests') lists++;
    return list(kind);
  };
  expect((await store.verify()).damaged).toHaveLength(checkpoints);
  expect(lists).toBe(1);
});
