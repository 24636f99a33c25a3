import { ARENA_FRAMES, frameBytes, PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PageArray } from '../dist/page-array.js';
import { PageScan } from '../dist/page-scan.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';

const LEAF = 512 * PAGE_SIZE;

/** All pages of a range, by filling page arrays. */
function pagesOf(space: AddressSpace, start: number, end: number): { address: number; frame: number }[] {
  const scan = new PageScan(space.snapshot(), start, end);
  const found: { address: number; frame: number }[] = [];
  const pages = new PageArray();
  while (scan.fill(pages) > 0) {
    for (let index = 0; index < pages.used; index++)
      found.push({ address: pages.address(index), frame: pages.frames[index]! });
    pages.clear();
  }
  return found;
}

describe('which pages are in the image', () => {
  const space = new AddressSpace(new PhysicalMemory(16));
  const dirty = space.setPage(0x1000);
  space.setPage(0x2000, { dirty: false });
  space.setPage(0x3000, { present: false, frame: 0 });
  space.setPage(0x4000, { present: false, dirty: false, frame: 0 });

  test('a page that is present and dirty is, with its frame', () => {
    expect(pagesOf(space, 0, 0x8000)).toEqual([{ address: 0x1000, frame: dirty }]);
  });

  test('a page that was only read is not', () => {
    expect(pagesOf(space, 0x2000, 0x3000)).toEqual([]);
  });

  test('a page that is not present is not, and is not faulted in', () => {
    expect(pagesOf(space, 0x3000, 0x5000)).toEqual([]);
  });
});

describe('a scan', () => {
  const spots = fc.uniqueArray(
    fc.record({ page: fc.nat({ max: 4 * 512 - 1 }), dirty: fc.boolean(), present: fc.boolean() }),
    { selector: ({ page }) => page, maxLength: 80 },
  );
  // Leaf numbers far apart, so that there are holes of whole leaves; the highest is near the end of user space.
  const addressOf = (page: number) => [0, 1, 7, 0x3ff_ffff][page >>> 9]! * LEAF + (page % 512) * PAGE_SIZE;
  const bounds = fc.tuple(fc.nat({ max: 2047 }), fc.nat({ max: 2047 }));

  test('finds exactly the dirty present pages of its range, ascending', () => {
    fc.assert(
      fc.property(spots, bounds, (pages, [a, b]) => {
        const space = new AddressSpace(new PhysicalMemory(120));
        const frames = new Map(pages.map((page) => [page.page, space.setPage(addressOf(page.page), page)]));
        const [start, end] = [addressOf(Math.min(a, b)), addressOf(Math.max(a, b))];
        const expected = pages
          .filter(({ dirty, present }) => dirty && present)
          .map(({ page }) => ({ address: addressOf(page), frame: frames.get(page)! }))
          .filter(({ address }) => address >= start && address < end)
          .sort((one, other) => one.address - other.address);
        expect(pagesOf(space, start, end)).toEqual(expected);
      }),
    );
  });

  test('meets as many pages by counting as by filling, and stops behind the last that it met', () => {
    fc.assert(
      fc.property(spots, fc.integer({ min: 1, max: 9 }), (pages, limit) => {
        const space = new AddressSpace(new PhysicalMemory(120));
        for (const page of pages) space.setPage(addressOf(page.page), page);
        const end = addressOf(2047) + PAGE_SIZE;
        const found = pagesOf(space, 0, end);
        const scan = new PageScan(space.snapshot(), 0, end);
        let met = 0;
        for (let more = scan.skip(limit); more > 0; more = scan.skip(limit)) {
          met += more;
          if (more === limit) expect(scan.address).toBe(found[met - 1]!.address + PAGE_SIZE);
        }
        expect(met).toBe(found.length);
        expect(scan.address).toBeGreaterThanOrEqual(end);
      }),
    );
  });

  test('of a range without leaves ends at once, however large it is', () => {
    const scan = new PageScan({ arenas: [], leaves: new Int32Array(0) }, 0, 2 ** 47);
    expect(scan.skip(1)).toBe(0);
    expect(scan.address).toBe(2 ** 47);
  });

  test('reads leaves and frames of the second arena', () => {
    const physical = new PhysicalMemory(8, ARENA_FRAMES - 2);
    const space = new AddressSpace(physical);
    for (let page = 0; page < 4; page++)
      space.setPage(page * PAGE_SIZE, { content: Uint8Array.of(page + 1) });
    const found = pagesOf(space, 0, LEAF);
    expect(found.map(({ frame }) => frame)).toEqual(
      [-2 + 0, -2 + 2, -2 + 3, -2 + 4].map((n) => ARENA_FRAMES + n),
    );
    expect(found.map(({ frame }) => frameBytes(space.snapshot().arenas, frame, 1)[0])).toEqual([1, 2, 3, 4]);
  });

  test('that meets a frame outside of the arenas says so', () => {
    const physical = new PhysicalMemory(2);
    const outside = { arenas: physical.arenas, leaves: Int32Array.of(0, 2) };
    expect(() => new PageScan(outside, 0, LEAF).skip(1)).toThrow(expect.objectContaining({ code: 'EFAULT' }));
    expect(() => frameBytes(outside.arenas, ARENA_FRAMES, 1)).toThrow(
      expect.objectContaining({ code: 'EFAULT' }),
    );
  });
});
