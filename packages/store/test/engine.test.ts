import { poolEngine, Store } from '@ckptree/store';
import { afterAll, describe, expect, test } from '@jest/globals';
import { contentHash } from '../dist/content-hash.js';
import { inlineEngine, sealedSize } from '../dist/put/chunk-engine.js';
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
    const ranges = Uint32Array.of(0, 1024 * 1024, 1024 * 1024, 1_500_000, 1_500_000, bytes.length);
    const target = (): Uint8Array => new Uint8Array(new SharedArrayBuffer(sealedSize(ranges)));
    const results = [];
    for (const engine of [pool, inline]) {
      const [recorded, sealed] = [target(), target()];
      const { ids, lengths } = await engine.record(bytes, ranges, recorded);
      const sealedLengths = await engine.seal(bytes, ranges, ids, sealed);
      results.push({ ids, lengths, recorded, sealed, sealedLengths });
    }
    const [{ ids, lengths, recorded }] = results as [(typeof results)[0]];
    for (const each of results) {
      expect(each).toMatchObject({ ids, lengths, sealedLengths: lengths });
      for (const records of [each.recorded, each.sealed]) expect(Buffer.compare(records, recorded)).toBe(0);
    }
    const id = Buffer.from(ids.subarray(0, 32)).toString('hex');
    const content = await pool.open(id, recorded.slice(0, lengths[0]));
    expect(Buffer.from(content).equals(bytes.subarray(0, 1024 * 1024))).toBe(true);
  });

  test('tell of damage with its code', async () => {
    const content = Buffer.alloc(200_000, 'abc');
    const id = contentHash().digest(content);
    const target = new Uint8Array(content.length + 100);
    const ranges = Uint32Array.of(0, content.length);
    const [length] = await inlineEngine({ codec: 'none', level: 1 }).seal(content, ranges, id, target);
    const changed = target.slice(0, length);
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
  await expect(engine.record(bytes, Uint32Array.of(0, 2 ** 20), bytes)).rejects.toThrow(/closed/);
});
