import { PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PageRunsBuilder, ZERO_PAGES } from '../dist/image/page-runs.js';
import { decodeRecipe, encodeRecipe, type Recipe } from '../dist/image/recipe.js';

const HEADER_SIZE = 40;
const CHUNK_ID_SIZE = 32;
/** Pid and comm; behind them version 2 has an incarnation of 16 bytes and an epoch of 4. */
const OWNER_SIZE = 20;
const MEMORY_VERSION_SIZE = 20;

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array) => Buffer.from(array).toString('hex'));

const owner = fc
  .record({
    pid: fc.integer({ min: 1, max: 0x7fff_ffff }),
    comm: fc.stringMatching(/^[a-z]{0,15}$/),
    version: fc.option(
      fc.record({
        incarnation: hex(16).filter((text) => !/^0+$/.test(text)),
        epoch: fc.integer({ min: 0, max: 0xffff_ffff }),
      }),
      { nil: undefined },
    ),
  })
  .map(({ version, ...who }) => (version === undefined ? who : { ...who, version }));

const run = (chunks: number) =>
  fc.record({
    address: fc.integer({ min: 0, max: 2 ** 35 }).map((page) => page * PAGE_SIZE),
    chunk: fc.oneof(fc.constant(ZERO_PAGES), ...(chunks > 0 ? [fc.nat(chunks - 1)] : [])),
    first: fc.nat(128),
    pages: fc.integer({ min: 1, max: 128 }),
  });

const recipe: fc.Arbitrary<Recipe> = fc
  .record({
    chunks: fc.array(hex(CHUNK_ID_SIZE), { maxLength: 4 }),
    owners: fc.array(owner, { minLength: 1, maxLength: 3 }),
  })
  .chain(({ chunks, owners }) =>
    fc
      .record({
        literals: fc.uint8Array({ maxLength: 100 }),
        batches: fc.array(
          fc.record({
            owner: fc.nat(owners.length - 1),
            literals: fc.nat(100),
            runs: fc.array(run(chunks.length), { minLength: 1, maxLength: 4 }),
          }),
          { maxLength: 4 },
        ),
        identities: fc.array(hex(16), { maxLength: 2 }),
      })
      .map(({ literals, batches, identities }) => {
        const runs = new PageRunsBuilder();
        let firstRun = 0;
        const befores = batches
          .map((batch) => Math.min(batch.literals, literals.length))
          .toSorted((a, b) => a - b);
        const rows = batches.map((batch, index) => {
          for (const each of batch.runs) runs.push(each.address, each.chunk, each.first, each.pages);
          firstRun += batch.runs.length;
          return {
            literalsBefore: befores[index]!,
            owner: batch.owner,
            firstRun: firstRun - batch.runs.length,
            runs: batch.runs.length,
          };
        });
        const windows = identities.map((identity) => ({ identity, firstRun: 0, runs: firstRun }));
        return { chunks, owners, batches: rows, runs: runs.finish(), windows, literals };
      }),
  );

const plain = ({ runs, literals, ...rest }: Recipe) => ({
  ...rest,
  runs: runs.slice({ firstRun: 0, runs: runs.length }),
  literals: [...literals],
});

describe('a recipe', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(recipe, (any) => expect(plain(decodeRecipe(encodeRecipe(any)))).toEqual(plain(any))),
    );
  });

  test('of version 1 is read, and says nothing of the versions of memory', () => {
    fc.assert(
      fc.property(recipe, (any) => {
        const owners = any.owners.map(({ pid, comm }) => ({ pid, comm }));
        expect(plain(decodeRecipe(inVersion1(any)))).toEqual(plain({ ...any, owners }));
      }),
    );
  });

  test.each([-4096, 2 ** 53, 1, Number.NaN])('with pages at %d is refused: nothing is there', (address) => {
    const runs = new PageRunsBuilder();
    runs.push(address, ZERO_PAGES, 0, 1);
    const [owners, batches] = [
      [{ pid: 1, comm: 'a' }],
      [{ literalsBefore: 0, owner: 0, firstRun: 0, runs: 1 }],
    ];
    const bytes = encodeRecipe({
      ...{ chunks: [], owners, batches, windows: [], literals: new Uint8Array() },
      runs: runs.finish(),
    });
    expect(() => decodeRecipe(bytes)).toThrow(expect.objectContaining({ code: 'EBADMSG' }));
  });

  test('that is damaged is refused as such, or is another recipe that keeps the rules', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(recipe, damage, fc.boolean(), fc.nat(), (any, bytes, cut, length) => {
        const encoded = encodeRecipe(any);
        for (const [at, value] of bytes) encoded[at % encoded.length] = value;
        const damaged = cut ? encoded.subarray(0, length % encoded.length) : encoded;
        let read: Recipe;
        try {
          read = decodeRecipe(damaged);
        } catch (error) {
          expect(error).toMatchObject({
            code: 'EBADMSG',
            message: expect.stringMatching(/^a recipe of the checkpoint is not sound: /),
          });
          return;
        }
        expect(plain(decodeRecipe(encodeRecipe(read)))).toEqual(plain(read));
      }),
      { numRuns: 500 },
    );
  });
});

/** The same without what version 2 has brought. */
function inVersion1(any: Recipe): Buffer {
  const encoded = encodeRecipe(any);
  encoded.writeUInt32LE(1, 8);
  let from = HEADER_SIZE + any.chunks.length * CHUNK_ID_SIZE;
  const parts = [encoded.subarray(0, from)];
  for (const _ of any.owners) {
    parts.push(encoded.subarray(from, from + OWNER_SIZE));
    from += OWNER_SIZE + MEMORY_VERSION_SIZE;
  }
  return Buffer.concat([...parts, encoded.subarray(from)]);
}
