import { type OpenOptions, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const secret = { passphrase: 'pass' };

/** @returns what tells of the damage: the code of an error, or that verify finds something; undefined when nothing does */
async function detection(backend: MemoryBackend, options: OpenOptions): Promise<string | undefined> {
  try {
    const store = await Store.openBackend(backend, options);
    return (await store.verify({ readData: true })).ok ? undefined : 'verify';
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error; // damage must not look like a fault of ours
    return code;
  }
}

describe.each([
  ['plain', {}, {}],
  ['encrypted', { secret, scryptCost: 2 }, { secrets: [secret] }],
])('a small %s store', (kind, init, options) => {
  test('every byte is checked: a changed one is found', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend, init);
    // Little to store, so that all of it can be gone through; page 2 is of zeros.
    const counting = Uint8Array.from({ length: 4096 }, (_, index) => index >> 6);
    const contents = new Map([
      [0, new Uint8Array(4096).fill(7)],
      [1, counting],
      [2, new Uint8Array(4096)],
    ]);
    const image = buildImage([{ pid: 1, ppid: 0, pages: contents }]);
    const { id } = await put(store, image, { name: 'n', labels: { a: 'b' } });
    await store.repair(); // publishes an index, so that its bytes are there to be changed
    const unseen: string[] = [];
    for (const [name, content] of backend.objects)
      for (let at = 0; at < content.length; at++) {
        const changed = Buffer.from(content);
        changed[at] = changed[at]! ^ (1 << (at % 8));
        backend.objects.set(name, changed);
        if ((await detection(backend, options)) === undefined) {
          unseen.push(`${name}@${at}`);
          // Harmless: compressed data can say the same in more than one way, and what it says is proved by the id.
          expect(kind).toBe('plain');
          expect(name).toMatch(/^packs\//);
          expect((await exported(await Store.openBackend(backend, options), id)).equals(image)).toBe(true);
        }
        backend.objects.set(name, content);
      }
    expect(unseen.length).toBeLessThan(40);
  });
});
