import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FrameTable } from '../dist/put/frame-table.js';
import { PageSlots, UNDECIDED, ZEROS } from '../dist/put/page-slots.js';

const chunkId = (number: number): string => number.toString(16).padStart(64, '0');

test('slots keep the last place that each was given, however many there are', () => {
  const count = 10_000;
  const place = fc.record({
    slot: fc.nat(count - 1),
    chunk: fc.oneof(fc.constant(ZEROS), fc.nat(3)),
    page: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(place), fc.array(place), (early, late) => {
      const slots = new PageSlots();
      const model = new Map<number, { chunk: number; page: number }>();
      const placeAll = (places: typeof early, limit: number): void => {
        for (const { slot, chunk, page } of places) {
          if (slot >= limit) continue;
          slots.place(slot, chunk, page);
          model.set(slot, { chunk, page });
        }
      };
      for (let slot = 0; slot < count / 2; slot++) slots.add();
      placeAll(early, count / 2);
      for (let slot = count / 2; slot < count - 1; slot++) slots.add();
      expect(slots.add()).toBe(count - 1);
      placeAll(late, count);
      for (let slot = 0; slot < count; slot++) {
        const { chunk, page } = model.get(slot) ?? { chunk: UNDECIDED, page: 0 };
        if (slots.chunk(slot) !== chunk || slots.page(slot) !== page) throw new Error(`slot ${slot}`);
      }
    }),
    { numRuns: 30 },
  );
});

test('a chunk that is named later may turn out to be one that is there: both numbers mean it', () => {
  const { chunks } = new PageSlots();
  const known = chunks.of(chunkId(1));
  const open = chunks.open();
  expect(chunks.id(open)).toBeUndefined();
  chunks.name(open, chunkId(1));
  expect(chunks.id(open)).toBe(chunkId(1));
  expect(chunks.of(chunkId(1))).toBe(known);
  expect(chunks.id(UNDECIDED)).toBeUndefined();
});

test('frames are found by their numbers, wherever those lie', () => {
  const frame = fc.oneof(fc.nat(10_000), fc.nat(2 ** 31 - 1));
  fc.assert(
    fc.property(fc.array(fc.tuple(frame, fc.nat())), fc.array(frame), (met, asked) => {
      const table = new FrameTable();
      for (const [number, slot] of met) table.set(number, slot);
      const model = new Map(met);
      for (const number of [...asked, ...model.keys()]) expect(table.get(number)).toBe(model.get(number));
    }),
  );
});
