import { contentHash, hexId } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ObjectContent } from '../dist/object-content.js';

const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });

test('pieces are the content, whatever the parts, and its hash is that of the whole', () => {
  fc.assert(
    fc.property(
      parts,
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 0, max: 3 }),
      (given, size, sent) => {
        const whole = Buffer.concat(given);
        const content = new ObjectContent(given);
        expect(content.size).toBe(whole.length);
        // Some pieces are sent, then all of them once more: an upload that is begun anew.
        let left = sent;
        for (const { position, bytes } of content.pieces(size)) {
          expect(whole.subarray(position, position + size).equals(bytes)).toBe(true);
          if (left-- === 0) break;
        }
        expect(Buffer.concat([...content.pieces(size)].map(({ bytes }) => bytes)).equals(whole)).toBe(true);
        expect(content.hash()).toBe(hexId(contentHash().digest(whole)));
        expect(content.hash()).toBe(content.hash());
      },
    ),
  );
});
