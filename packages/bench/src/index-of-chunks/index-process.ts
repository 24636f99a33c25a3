import { randomBytes } from 'node:crypto';
import { FolderBackend, Store } from '@ckptree/store';
import { ChunkIndex, contentHash, HASH_SIZE, hexId } from '@ckptree/store/low-level';
import { timed } from '../measure.js';
import { makePacks } from './make-packs.js';

/**
 * A process of its own for each step, because it is its memory that is measured: what it took at most, as the kernel
 * counts it. Prints one line of JSON.
 *
 * Arguments: folder of the store, step, number (of chunks to make, or of lookups).
 */
const STEPS: Readonly<Record<string, (path: string, count: number) => Promise<unknown>>> = {
  make: makePacks,
  async open(path) {
    await (await Store.open(path)).close();
  },
  async lookups(path, count) {
    const index = await ChunkIndex.open(await FolderBackend.open(path), contentHash());
    const known: string[] = [];
    for await (const entries of index.entries()) {
      for (const { id } of entries) if (known.length < count / 2) known.push(id);
      if (known.length === count / 2) break;
    }
    for (const id of known) if ((await index.find(id)) === undefined) throw new Error(`${id} is not found`);
    for (let more = count / 2; more > 0; more--)
      if ((await index.find(hexId(randomBytes(HASH_SIZE)))) !== undefined)
        throw new Error('found what is not there');
  },
  async verify(path) {
    const store = await Store.open(path);
    const { ok } = await store.verify();
    if (!ok) throw new Error('the store is not sound');
    await store.close();
  },
  async gc(path) {
    const store = await Store.open(path);
    await store.gc({ dryRun: true });
    await store.close();
  },
};

const [path = '', step = '', count] = process.argv.slice(2);
const timing = await timed(async () => STEPS[step]?.(path, Number(count)));
const memoryMiB = process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ ...timing, memoryMiB })}\n`);
