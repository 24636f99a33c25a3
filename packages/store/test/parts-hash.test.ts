import { contentHash, hashInParts, PartsHash } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const hashOf = (bytes: Uint8Array): Buffer => contentHash().digest(bytes);

describe('a hash that others make up', () => {
  test('is the same for whoever reads the bytes in other pieces', () => {
    const part = fc
      .tuple(fc.oneof(fc.nat(300), fc.integer({ min: 65_530, max: 65_545 })), fc.boolean(), fc.nat(255))
      .map(([size, isHashed, byte]) => {
        const bytes = new Uint8Array(size).fill(byte);
        return isHashed ? { bytes, hash: hashOf(bytes) } : bytes;
      });
    const law = fc.property(
      fc.array(part, { maxLength: 8 }),
      fc.integer({ min: 1, max: 90_000 }),
      (all, piece) => {
        const written = new PartsHash();
        for (const each of all) written.add(each);
        const { hash, parts } = written.finish();
        const bytes = Buffer.concat(all.map((each) => (each instanceof Uint8Array ? each : each.bytes)));
        const isProved = all.some((each) => !(each instanceof Uint8Array) && each.bytes.length >= 65_536);
        expect(parts !== undefined).toBe(isProved);
        const read = parts === undefined ? contentHash().begin() : hashInParts(parts);
        for (let at = 0; at < bytes.length; at += piece) read.update(bytes.subarray(at, at + piece));
        expect(read.digest().equals(hash)).toBe(true);
        expect((parts ?? [bytes.length]).reduce((sum, size) => sum + size, 0)).toBe(bytes.length);
      },
    );
    fc.assert(law, { numRuns: 100 });
  });

  test('is that of the bytes when the hash of no large part is known', () => {
    const bytes = Buffer.alloc(70_000, 'ab');
    const written = new PartsHash();
    written.add(bytes.subarray(0, 60_000));
    written.add({ bytes: bytes.subarray(60_000), hash: hashOf(bytes.subarray(60_000)) });
    expect(written.finish()).toEqual({ hash: hashOf(bytes) });
  });

  test('needs the memory of what is known no longer than until it is added', () => {
    const bytes = Buffer.alloc(70_000, 'ab');
    const hash = hashOf(bytes);
    const written = new PartsHash();
    written.add({ bytes, hash });
    hash.fill(0);
    expect(written.finish().hash).toEqual(hashOf(hashOf(bytes)));
  });

  test('has no more parts than a claim may name, however many come', () => {
    const bytes = new Uint8Array(65_536);
    const hash = hashOf(bytes);
    const written = new PartsHash();
    for (let count = 0; count < 3000; count++) {
      written.add(bytes.subarray(0, 48));
      written.add({ bytes, hash });
    }
    expect(written.finish().parts!.length).toBeLessThanOrEqual(4096);
  });

  test('is another one when a byte of a part that was not hashed again is another one', () => {
    const bytes = Buffer.alloc(200_000, 'ab');
    const written = new PartsHash();
    written.add({ bytes, hash: hashOf(bytes) });
    const { hash, parts } = written.finish();
    bytes[150_000]! ^= 1;
    const read = hashInParts(parts!);
    read.update(bytes);
    expect(read.digest().equals(hash)).toBe(false);
  });
});
