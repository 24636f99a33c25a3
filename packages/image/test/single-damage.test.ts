import { isCkptError } from '@ckptree/errors';
import { bytesSource, type DiffSide, diffTrees, RULES, readTree, verifyImage } from '@ckptree/image';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { GOOD } from './support/good.js';
import { family, HEAD, single } from './support/trees.js';
import { imageParts, type Part, writeImage } from './support/write-image.js';

const side = async (image: Uint8Array): Promise<DiffSide> => ({
  contents: await readTree(bytesSource(image)),
  source: bytesSource(image),
});

/** Byte positions of an image that are not page contents. */
function structuralBytes(parts: readonly Part[]): number[] {
  let start = 0;
  return parts.flatMap(({ label, bytes }) => {
    start += bytes.length;
    return label === 'page' ? [] : Array.from(bytes, (_, index) => start - bytes.length + index);
  });
}

/** Verify finds something, or the image says something else, and diff tells what. */
async function isNoticed(damaged: Uint8Array, original: DiffSide): Promise<boolean> {
  const { ok } = await verifyImage(bytesSource(damaged));
  return !ok || !(await diffTrees(original, await side(damaged))).equal;
}

describe('one flipped bit of the structure is found or shown', () => {
  test('a bit of each byte of a small image', async () => {
    const parts = imageParts(HEAD, single());
    const image = writeImage(HEAD, single());
    const original = await side(image);
    const unnoticed: string[] = [];
    for (const position of structuralBytes(parts)) {
      const bit = position % 8;
      image[position]! ^= 1 << bit;
      if (!(await isNoticed(image, original))) unnoticed.push(`bit ${bit} of byte ${position}`);
      image[position]! ^= 1 << bit;
    }
    expect(unnoticed).toEqual([]);
  });

  test('some bits of an image with everything', async () => {
    const positions = structuralBytes(imageParts(HEAD, family()));
    const original = await side(writeImage(HEAD, family()));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...positions), fc.nat(7), async (position, bit) => {
        const image = writeImage(HEAD, family());
        image[position]! ^= 1 << bit;
        expect(await isNoticed(image, original)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

test('every truncation is found, at a position in the image', async () => {
  const image = writeImage(HEAD, single());
  const steps = [...structuralBytes(imageParts(HEAD, single())), image.length - 2000, image.length - 1000];
  for (const length of steps) {
    const { findings } = await verifyImage(bytesSource(image.subarray(0, length)));
    expect(findings.map(({ code }) => code)).toEqual([length < 8 ? 'not-an-image' : 'truncated']);
    expect(findings[0]!.position).toBeLessThanOrEqual(length);
  }
});

describe('whatever the bytes, reading ends in a value or an error of the catalogue', () => {
  /** verify and readTree agree, and both come to an end. */
  async function check(image: Uint8Array): Promise<void> {
    const { ok, findings } = await verifyImage(bytesSource(image));
    const error = await readTree(bytesSource(image)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error === undefined).toBe(ok);
    if (error === undefined) return;
    expect(isCkptError(error)).toBe(true);
    expect(error).toMatchObject({
      code: RULES[findings[0]!.code].error,
      fields: { position: findings[0]!.position },
    });
  }

  test('random bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), check), { numRuns: 300 });
  });

  test('random bytes behind a good head', async () => {
    const head = imageParts(HEAD, single()).slice(0, 2);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1024 }), (bytes) =>
        check(new Uint8Array(Buffer.concat([...head.map((part) => part.bytes), bytes]))),
      ),
      { numRuns: 300 },
    );
  });

  /** Changes as damage makes them: numbers overwritten, parts lost, doubled, moved. */
  const change = fc.record({
    at: fc.nat(30_000),
    length: fc.nat(600),
    to: fc.nat(30_000),
    what: fc.constantFrom('overwrite', 'remove', 'double', 'move', 'extreme'),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
    number: fc.constantFrom(0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  });
  type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

  function apply(image: Uint8Array, { at, length, to, what, bytes, number }: Change): Uint8Array {
    const start = at % (image.length + 1);
    const part = image.subarray(start, start + length);
    const without = Buffer.concat([image.subarray(0, start), image.subarray(start + length)]);
    const target = to % (without.length + 1);
    switch (what) {
      case 'overwrite':
        return new Uint8Array(
          Buffer.concat([image.subarray(0, start), bytes, image.subarray(start + bytes.length)]),
        );
      case 'remove':
        return new Uint8Array(without);
      case 'double':
        return new Uint8Array(Buffer.concat([image.subarray(0, start), part, image.subarray(start)]));
      case 'move':
        return new Uint8Array(Buffer.concat([without.subarray(0, target), part, without.subarray(target)]));
      case 'extreme': {
        const changed = image.slice();
        const word = start - (start % 4);
        if (word + 4 <= changed.length) new DataView(changed.buffer).setUint32(word, number, true);
        return changed;
      }
    }
  }

  test('good images with some changes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(GOOD)),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (name, changes) => check(changes.reduce(apply, GOOD[name]!())),
      ),
      { numRuns: 300 },
    );
  });
});
