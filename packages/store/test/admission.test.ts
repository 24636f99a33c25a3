import {
  type AdmissionConfig,
  admitContent,
  admitDeletion,
  admitName,
  contentHash,
  hexId,
  Store,
} from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { CHUNK_HEADER_SIZE } from '../dist/chunk.js';
import { encodePackEnd, encodePackHeader, PACK_HEADER_SIZE } from '../dist/pack/pack-format.js';
import { put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const secret = { passphrase: 'p' };
const image = buildImage([{ pid: 1, ppid: 0, pages: pages(60) }]);

async function filled(encrypted: boolean): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  const init = { packSize: 64 * 1024, ...(encrypted && { secret, scryptCost: 2 }) };
  const store = await Store.initBackend(backend, init);
  await put(store, image, { name: 'a' });
  const { id } = await put(store, image, { name: 'b' });
  await store.forget([id]);
  await store.gc({ minLiveShare: 1 });
  await store.begin();
  return backend;
}

const admitted = (name: string, bytes: Uint8Array, config: AdmissionConfig): Promise<void> =>
  admitContent(
    name,
    { size: bytes.length, read: async (position, length) => bytes.subarray(position, position + length) },
    config,
  );

describe.each([false, true])('what comes into a store (encrypted: %j)', (encrypted) => {
  test('is everything that a store writes', async () => {
    const { objects } = await filled(encrypted);
    const kinds = new Set([...objects.keys()].map((name) => name.split('/')[0]));
    expect([...kinds].sort()).toEqual(
      ['config', 'index', 'leases', 'manifests', 'packs', ...(encrypted ? ['keys'] : [])].sort(),
    );
    for (const [name, bytes] of objects) await admitted(name, bytes, { encrypted });
  });

  test('is nothing under the name of another kind, or cut off', async () => {
    const { objects } = await filled(encrypted);
    for (const [name, bytes] of objects) {
      if (name.startsWith('leases/')) continue;
      for (const other of [
        'config',
        `packs/${'1'.repeat(32)}`,
        `index/${'1'.repeat(32)}`,
        'keys/0123456789abcdef',
      ])
        if (other.split('/')[0] !== name.split('/')[0])
          await expect(admitted(other, bytes, { encrypted })).rejects.toThrow();
      // What is sealed by a key shows its damage to those who have the key.
      if (encrypted && name.startsWith('manifests/')) continue;
      await expect(admitted(name, bytes.subarray(0, -1), { encrypted })).rejects.toThrow();
    }
  });
});

test('a changed byte in the table of a pack, or in a document, does not come into a plain store', async () => {
  const { objects } = await filled(false);
  for (const [name, bytes] of objects) {
    if (bytes.length === 0 || name.startsWith('index/')) continue;
    for (const at of [bytes.length - 1, bytes.length - 50, 3]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      await expect(admitted(name, changed, { encrypted: false })).rejects.toThrow();
    }
  }
});

test('a pack of nothing but headers is refused: its table would fill the memory of whoever opens the store', async () => {
  const [id, chunks] = ['0123456789abcdef'.repeat(2), 2 ** 20 + 1];
  const header = Buffer.alloc(CHUNK_HEADER_SIZE);
  header.write('CHNK', CHUNK_HEADER_SIZE - 4);
  const headers = Buffer.alloc(chunks * CHUNK_HEADER_SIZE, header);
  const end = encodePackEnd(id, headers, PACK_HEADER_SIZE + headers.length, contentHash());
  const pack = Buffer.concat([encodePackHeader(id), headers, ...end]);
  await expect(admitted(`packs/${id}`, pack, { encrypted: false })).rejects.toMatchObject({ code: 'EIO' });
});

test('a large manifest is checked without being parsed', async () => {
  const line = JSON.stringify({ format: 1, filler: 'x'.repeat(9 * 1024 * 1024) });
  const name = 'manifests/20261123t153926123-7f3a9c2e';
  const digest = hexId(contentHash().digest(Buffer.from(`${name}\n${line}`)));
  const document = Buffer.from(`${line}\nblake3 ${digest}\n`);
  await admitted(name, document, { encrypted: false });
  document[100]! ^= 1;
  await expect(admitted(name, document, { encrypted: false })).rejects.toMatchObject({ code: 'EIO' });
});

test('names and sizes are looked at before anything else', () => {
  for (const name of ['packs/a', 'tmp/a', 'incoming/a', 'quarantine/a', 'a', `condemned/${'g'.repeat(32)}`])
    expect(() => admitName(name, 0)).toThrow(expect.objectContaining({ code: 'EPERM' }));
  expect(() => admitName(`condemned/${'1'.repeat(32)}`, 1)).toThrow(
    expect.objectContaining({ code: 'E2BIG' }),
  );
});

test('packs leave behind their marks, and marks behind their packs', async () => {
  const backend = new MemoryBackend();
  const id = '1'.repeat(32);
  await backend.put(`packs/${id}`, []);
  await expect(admitDeletion(backend, `packs/${id}`)).rejects.toMatchObject({ code: 'EPERM' });
  await backend.put(`condemned/${id}`, []);
  await expect(admitDeletion(backend, `condemned/${id}`)).rejects.toMatchObject({ code: 'EPERM' });
  await admitDeletion(backend, `packs/${id}`);
  await backend.delete(`packs/${id}`);
  await admitDeletion(backend, `condemned/${id}`);
  await admitDeletion(backend, 'manifests/20261123t153926123-7f3a9c2e');
  for (const name of ['config', 'keys/0123456789abcdef', `quarantine/packs-${id}`])
    await expect(admitDeletion(backend, name)).rejects.toMatchObject({ code: 'EPERM' });
});
