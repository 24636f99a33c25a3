import { randomBytes } from 'node:crypto';
import { poolEngine, Store } from '@ckptree/store';
import { afterAll, describe, expect, test } from '@jest/globals';
import { type ChunkRecord, sealChunk } from '../dist/chunk.js';
import { contentHash } from '../dist/content-hash.js';
import { inlineEngine, recordsOf, sealedSize } from '../dist/put/chunk-engine.js';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const settings = { codec: 'zstd', level: 1 } as const;
const pool = poolEngine(2)(settings);
afterAll(() => pool.close());

describe('threads', () => {
  test('do what the calling thread does, byte for byte', async () => {
    const inline = inlineEngine(settings);
    const bytes = new Uint8Array(new SharedArrayBuffer(3 * 1024 * 1024));
    for (let index = 0; index < bytes.length; index++) bytes[index] = (index >> 4) ^ (index * 7);
    // What does not compress stays where it is, among what does.
    bytes.set(randomBytes(500_000), 1_000_000);
    const ends = [0, 1_000_000, 1_500_000, bytes.length];
    const contents = [0, 1, 2].map((index) => bytes.subarray(ends[index], ends[index + 1]));
    const target = (): Uint8Array => new Uint8Array(new SharedArrayBuffer(sealedSize(contents)));
    const results = [];
    for (const engine of [pool, inline]) {
      const [recordTarget, sealTarget] = [target(), target()];
      const { ids, ...recorded } = await engine.record(contents, recordTarget);
      const sealed = await engine.seal(contents, ids, sealTarget);
      results.push(
        { ids, ...recorded, records: recordsOf(contents, recordTarget, recorded) },
        { ids, ...sealed, records: recordsOf(contents, sealTarget, sealed) },
      );
    }
    const bytesOf = ({ header, payload }: ChunkRecord): Buffer => Buffer.concat([header, payload]);
    for (const { ids, lengths, plain, records } of results) {
      expect([ids, lengths]).toEqual([results[0]!.ids, results[0]!.lengths]);
      expect([...plain]).toEqual([0, 1, 0]);
      for (const [index, record] of records.entries()) {
        expect(bytesOf(record).length).toBe(lengths[index]);
        expect(bytesOf(record).equals(bytesOf(results[0]!.records[index]!))).toBe(true);
      }
    }
    const { ids, records } = results[0]!;
    for (const [index, record] of records.entries()) {
      const id = Buffer.from(ids.subarray(index * 32, (index + 1) * 32)).toString('hex');
      const content = await pool.open(id, new Uint8Array(bytesOf(record)));
      expect(Buffer.from(content).equals(contents[index]!)).toBe(true);
    }
  });

  test('tell of damage with its code', async () => {
    const content = Buffer.alloc(200_000, 'abc');
    const id = contentHash().digest(content);
    const { header, payload } = sealChunk({ codec: 'none', level: 1 }, id, content);
    const changed = new Uint8Array(Buffer.concat([header, payload]));
    changed[100]! ^= 1;
    await expect(pool.open(id.toString('hex'), changed)).rejects.toMatchObject({
      code: 'EIO',
      name: 'CkptError',
    });
  });

  test('store and give back an image', async () => {
    const store = await Store.initBackend(new MemoryBackend(), { engine: poolEngine(2) });
    const image = buildImage([
      { pid: 1, ppid: 0, pages: pages(5000) },
      { pid: 2, ppid: 1, pages: pages(3000, (index) => (index % 50 === 0 ? -index : index)) },
    ]);
    const { id, sizes } = await put(store, image);
    expect(sizes.stored).toBeLessThan(5100 * 4096);
    expect((await exported(store, id)).equals(image)).toBe(true);
    await store.close();
    await expect(put(store, image)).rejects.toMatchObject({ code: 'EPIPE' });
  });
});

test('threads that are being started for work that does not come end with the engine', async () => {
  const engine = poolEngine(2)(settings);
  engine.prepare(2 ** 30);
  await engine.close();
  // Neither throws later on.
  engine.prepare(2 ** 30);
  const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 20));
  await expect(engine.record([bytes], bytes)).rejects.toThrow(/closed/);
});
