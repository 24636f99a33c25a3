import {
  BATCH_PAGES,
  batchSize,
  bytesSource,
  contentsSize,
  encode,
  pagesHeader,
  putPagesEnd,
  putVma,
  readTree,
  storedPageCount,
  verifyImage,
} from '@ckptree/image';
import { type ByteSource, PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { DAMAGED } from './support/damaged.js';
import { anonymous, family, HEAD, mm, single, task, zombie } from './support/trees.js';
import { imageParts, writeImage } from './support/write-image.js';

/** Bytes that come into being when they are read; tells what was read. */
class LazySource implements ByteSource {
  readonly #parts: {
    readonly start: number;
    readonly end: number;
    read(from: number, to: number): Uint8Array;
  }[] = [];
  length = 0;
  bytesRead = 0;
  reads = 0;
  largestRead = 0;

  add(length: number, read: (from: number, to: number) => Uint8Array): void {
    this.#parts.push({ start: this.length, end: this.length + length, read });
    this.length += length;
  }

  addBytes(bytes: Uint8Array): void {
    this.add(bytes.length, (from, to) => bytes.subarray(from, to));
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.reads++;
    this.largestRead = Math.max(this.largestRead, length);
    const end = Math.min(this.length, position + length);
    const inside = this.#parts.filter((part) => part.end > position && part.start < end);
    const bytes = Buffer.concat(
      inside.map((part) =>
        part.read(Math.max(0, position - part.start), Math.min(part.end, end) - part.start),
      ),
    );
    this.bytesRead += bytes.length;
    return bytes;
  }
}

/** An image of one task with one vma of so many pages, none of them zero. */
function enormous(pages: number): LazySource {
  const start = 0x1000_0000;
  const vma = anonymous(start, pages);
  const space = mm([vma], new Map());
  const source = new LazySource();
  for (const { label, bytes } of imageParts(HEAD, [task(10, { mm: space })])) {
    source.addBytes(bytes);
    if (label !== 'vma') continue;
    for (let done = 0; done < pages; done += BATCH_PAGES) {
      const count = Math.min(BATCH_PAGES, pages - done);
      const addresses = Float64Array.from(
        { length: count },
        (_, index) => start + (done + index) * PAGE_SIZE,
      );
      source.addBytes(pagesHeader(addresses));
      source.add(count * PAGE_SIZE, (from, to) => new Uint8Array(to - from).fill(7));
    }
  }
  return source;
}

describe('an image of ten gigabytes', () => {
  const source = enormous((10 * 2 ** 30) / PAGE_SIZE);

  test('is verified and read by its structure alone', async () => {
    expect(source.length).toBeGreaterThan(10 * 2 ** 30);
    const report = await verifyImage(source);
    expect(report).toMatchObject({ ok: true, bytes: source.length, counts: { pages: 2_621_440 } });
    // Each batch's addresses in one read, and nothing of its pages.
    expect(source.bytesRead).toBeLessThan(1.02 * 2_621_440 * 8);
    expect(source.reads).toBeLessThan(2_621_440 / BATCH_PAGES + 10);
    const { tree } = await readTree(source);
    expect(storedPageCount(tree.tasks[0]!.mm!.memory)).toBe(2_621_440);
    // One run a batch.
    expect(tree.tasks[0]!.mm!.memory.runs).toHaveLength((2_621_440 / BATCH_PAGES) * 3);
  });

  test('that is cut off in the middle of a batch is found out', async () => {
    const cut: ByteSource = {
      read: (position, length) => source.read(position, Math.max(0, Math.min(length, 5e9 - position))),
    };
    const { findings } = await verifyImage(cut);
    expect(findings).toMatchObject([
      { code: 'truncated', place: { pid: 10, object: 'MM', vma: '10000000-290000000' } },
    ]);
    expect(findings[0]!.position).toBeGreaterThan(4.9e9);
    expect(findings[0]!.position).toBeLessThan(5e9);
  });

  test('tells how far it is', async () => {
    const progress: number[] = [];
    await verifyImage(source, { onProgress: (bytes) => progress.push(bytes) });
    expect(progress.length).toBeGreaterThan(100);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });
});

test('an image of thousands of small areas is read by little more than its structure', async () => {
  const [areas, pages] = [3000, 64];
  const vmas = Array.from({ length: areas }, (_, index) => anonymous(0x1000_0000 + index * 2 ** 20, pages));
  const source = new LazySource();
  let structure = 0;
  let area = 0;
  for (const { label, bytes } of imageParts(HEAD, [task(10, { mm: mm(vmas, new Map()) })])) {
    source.addBytes(bytes);
    structure += bytes.length;
    if (label !== 'vma') continue;
    const { start } = vmas[area++]!;
    const header = pagesHeader(Float64Array.from({ length: pages }, (_, page) => start + page * PAGE_SIZE));
    source.addBytes(header);
    structure += header.length;
    source.add(pages * PAGE_SIZE, (from, to) => new Uint8Array(to - from).fill(7));
  }
  const { tree } = await readTree(source);
  expect(storedPageCount(tree.tasks[0]!.mm!.memory)).toBe(areas * pages);
  // Of the pages, of which there are 64 times as many bytes, 4 KiB an area at most.
  expect(source.bytesRead).toBeLessThan(structure + areas * 4096 + 2 ** 20);
});

test('thousands of tasks are read in few reads, and in the order of the tree', async () => {
  const tasks = [task(10), ...Array.from({ length: 5000 }, (_, index) => zombie(11 + index, 10))];
  const source = new LazySource();
  source.addBytes(writeImage(HEAD, tasks));
  const { tree } = await readTree(source);
  expect(tree.tasks.map(({ pid }) => pid)).toEqual(tasks.map(({ pid }) => pid));
  // The pids alone are more than fits the window.
  expect(source.reads).toBeLessThan(source.length / 50_000);
});

describe('a source', () => {
  test('that only goes forward is enough', async () => {
    const image = writeImage(HEAD, family(), 2);
    let next = 0;
    const forward: ByteSource = {
      read(position, length) {
        if (position < next) throw new Error(`asked to go back from ${next} to ${position}`);
        next = Math.min(image.length, position + length);
        return image.slice(position, next);
      },
    };
    expect((await readTree(forward)).tree.tasks).toHaveLength(4);
  });

  test('that fails hands its error on', async () => {
    const failing: ByteSource = {
      read: () => Promise.reject(new Error('the disk is gone')),
    };
    await expect(verifyImage(failing)).rejects.toThrow('the disk is gone');
  });
});

test('reading can be cancelled', async () => {
  const source = bytesSource(writeImage(HEAD, single()));
  const signal = AbortSignal.abort();
  await expect(readTree(source, { signal })).rejects.toMatchObject({ code: 'EINTR' });
  await expect(verifyImage(source, { signal })).rejects.toMatchObject({ code: 'EINTR' });
});

test('the findings that are kept are bounded, and the others counted', async () => {
  const vma = anonymous(0x1000_0000, 4);
  const wrong = encode(putVma, { ...vma, end: vma.start }, 0);
  const image = imageParts(HEAD, [task(10, { mm: mm([vma], new Map()) })]).flatMap(({ label, bytes }) =>
    label === 'vma'
      ? [
          bytes,
          encode(putPagesEnd),
          ...Array.from({ length: 1500 }, () => [wrong, encode(putPagesEnd)]).flat(),
        ]
      : [bytes],
  );
  const report = await verifyImage(bytesSource(new Uint8Array(Buffer.concat(image))));
  expect(report.findings).toHaveLength(1000);
  expect(report.moreFindings).toBeGreaterThan(500);
});

test.each(Object.keys(DAMAGED))(
  '%s: no length in it makes the reader ask for more than its window',
  async (name) => {
    const source = new LazySource();
    source.addBytes(DAMAGED[name]!());
    await verifyImage(source);
    expect(source.largestRead).toBeLessThan(256 * 1024);
    expect(source.bytesRead).toBeLessThanOrEqual(source.length);
  },
);

describe('sizes are known without encoding', () => {
  test('of batches', () => {
    expect(pagesHeader([4096, 8192]).length + 2 * PAGE_SIZE).toBe(batchSize(2));
    expect(batchSize(0)).toBe(encode(putPagesEnd).length);
    expect(contentsSize(BATCH_PAGES)).toBe(33_619_976);
  });
});
