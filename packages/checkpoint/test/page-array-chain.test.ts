import { BATCH_PAGES, PGARR_ENTRIES } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { PageArray } from '../dist/page-array.js';
import { PageArrayChain } from '../dist/page-array-chain.js';
import { PageScan } from '../dist/page-scan.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';

/** A scan over `pages` dirty pages from address 0 on; they all show the same frame. */
function scanOf(pages: number): PageScan {
  const physical = new PhysicalMemory(64);
  const space = new AddressSpace(physical);
  const frame = physical.allocate();
  for (let page = 0; page < pages; page++) space.setPage(page * PAGE_SIZE, { frame });
  return new PageScan(space.snapshot(), 0, pages * PAGE_SIZE);
}

const usedOf = (chain: PageArrayChain) => chain.arrays.map(({ used }) => used);

test('a page array holds 512 pages, a batch 16 x 512', () => {
  expect(PGARR_ENTRIES).toBe(512);
  expect(BATCH_PAGES).toBe(8192);
});

test('a page array keeps addresses as the image has them: u64, little-endian', () => {
  const pages = new PageArray();
  pages.add(0x7fff_1234_5000, 1);
  pages.add(0x8000_1000, 2);
  expect([...pages.addressBytes()]).toEqual([
    0, 0x50, 0x34, 0x12, 0xff, 0x7f, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0, 0,
  ]);
  expect([...pages.frames.subarray(0, pages.used)]).toEqual([1, 2]);
});

describe('the chain', () => {
  test('fills its current array before it takes another', () => {
    const chain = new PageArrayChain();
    expect(chain.fill(scanOf(700))).toBe(700);
    expect(usedOf(chain)).toEqual([512, 188]);
  });

  test('takes at most one batch, and the next fill goes on where it stopped', () => {
    const chain = new PageArrayChain();
    const scan = scanOf(BATCH_PAGES + 3);
    expect(chain.fill(scan)).toBe(BATCH_PAGES);
    expect(usedOf(chain)).toEqual(new Array(16).fill(512));
    chain.reset();
    expect(chain.fill(scan)).toBe(3);
    chain.reset();
    expect(chain.fill(scan)).toBe(0);
  });

  test('keeps empty arrays in its pool when it is reset, and takes them from there', () => {
    const chain = new PageArrayChain();
    chain.fill(scanOf(1500));
    const arrays = new Set(chain.arrays);
    expect(chain.pooled).toBe(0);
    chain.reset();
    expect(chain.arrays).toEqual([]);
    expect(chain.pooled).toBe(3);
    chain.fill(scanOf(1000));
    expect(usedOf(chain)).toEqual([512, 488]);
    expect(chain.arrays.every((pages) => arrays.has(pages))).toBe(true);
    expect(chain.pooled).toBe(1);
  });

  test('never needs more than 16 arrays', () => {
    const chain = new PageArrayChain();
    const scan = scanOf(3 * BATCH_PAGES);
    while (chain.fill(scan) > 0) chain.reset();
    expect(chain.pooled + chain.arrays.length).toBe(16);
  });
});
