import { ChunkIndex, contentHash } from '@ckptree/store/low-level';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryBackend } from './support/memory-backend.js';

/** Blocks of an index are found by the first 8 bytes of ids: in these many ids share them, over several blocks. */
const chunkId = fc
  .tuple(fc.constantFrom('00', '7f', '80', 'ff'), fc.nat(400))
  .map(([start, number]) => start.padEnd(60, '0') + number.toString(16).padStart(4, '0'));
const packId = fc.constantFrom('1', '2', '3').map((number) => number.padStart(32, '0'));
const entry = fc.record({
  id: chunkId,
  pack: packId,
  offset: fc.nat(1e6),
  length: fc.integer({ min: 1, max: 1e6 }),
});

test('many chunks are found as each of them by itself, in the index and before they come into it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { maxLength: 600, size: 'max' }),
      fc.array(entry, { maxLength: 50 }),
      fc.array(chunkId, { maxLength: 300, size: 'max' }),
      async (old, recent, asked) => {
        const index = await ChunkIndex.open(new MemoryBackend(), contentHash());
        const add = (entries: typeof old): void => {
          for (const each of entries) index.add(each.pack, 1e9, [each]);
        };
        add(old);
        await index.publish(true);
        add(recent);
        const places = new Map<string, Set<string>>();
        for (const { id, ...place } of [...old, ...recent])
          places.set(id, (places.get(id) ?? new Set()).add(JSON.stringify(place)));
        const check = (id: string, found: unknown): void => {
          const known = places.get(id);
          if (known === undefined) expect(found).toBeUndefined();
          else {
            const { pack, offset, length } = found as { pack: string; offset: number; length: number };
            expect(known).toContain(JSON.stringify({ pack, offset, length }));
          }
        };
        for (const ids of [asked, asked.toSorted(), [...places.keys()]]) {
          const found = await index.findAll(ids);
          expect(found.length).toBe(ids.length);
          for (const [position, id] of ids.entries()) check(id, found[position]);
        }
        for (const id of asked) check(id, await index.find(id));
      },
    ),
    { numRuns: 50 },
  );
});
