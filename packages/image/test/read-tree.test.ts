import { bytesSource, readTree, storedPageCount, verifyImage } from '@ckptree/image';
import { PAGE_SIZE, type StoredPages, type Task } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyTree } from './support/any-tree.js';
import { family, HEAD, single } from './support/trees.js';
import { type Pages, writeImage } from './support/write-image.js';

/** The pages that runs tell of, taken from the image. */
function pagesOf(image: Uint8Array, { runs }: StoredPages): Pages {
  const pages = new Map<number, Uint8Array>();
  for (let index = 0; index < runs.length; index += 3)
    for (let page = 0; page < runs[index + 2]!; page++) {
      const position = runs[index + 1]! + page * PAGE_SIZE;
      pages.set(runs[index]! + page * PAGE_SIZE, image.slice(position, position + PAGE_SIZE));
    }
  return pages;
}

/** A tree without what an image does not keep (ids and users as the source counted them), and bytes as text. */
const comparable = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (value instanceof Map) return [...value].map(comparable);
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== 'id' && key !== 'users');
  return Object.fromEntries(kept.map(([key, inner]) => [key, comparable(inner)]));
};

/** Verifies, reads, and holds what was read against the tree. */
async function expectTree(image: Uint8Array, tree: readonly Task<Pages>[]): Promise<void> {
  const report = await verifyImage(bytesSource(image));
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ ok: true, moreFindings: 0, bytes: image.length });
  const contents = await readTree(bytesSource(image));
  const tasks = contents.tree.tasks.map((task) =>
    task.mm === undefined ? task : { ...task, mm: { ...task.mm, memory: pagesOf(image, task.mm.memory) } },
  );
  expect(comparable(tasks)).toEqual(comparable(tree));
}

test.each([
  ['single', single],
  ['family', family],
])('the %s tree comes back from its image, in batches of any size', async (_, make) => {
  for (const pagesPerBatch of [1, 2, 8192]) await expectTree(writeImage(HEAD, make(), pagesPerBatch), make());
});

test('any tree comes back from its image', async () => {
  await fc.assert(
    fc.asyncProperty(anyTree, (tree) => expectTree(writeImage(HEAD, tree), tree)),
    { numRuns: 60 },
  );
});

describe('what is read of the family tree', () => {
  const image = writeImage(HEAD, family());

  test('shared objects are shared references, with their objrefs and users', async () => {
    const { tree } = await readTree(bytesSource(image));
    const [leader, thread, child, zombie] = tree.tasks;
    expect(thread?.mm).toBe(leader?.mm);
    expect(thread?.files).toBe(leader?.files);
    expect(child?.files).toBe(leader?.files);
    expect(leader?.mm?.users).toBe(2);
    expect(leader?.files).toMatchObject({ id: 1, users: 3 });
    expect(child?.mm?.exe).toBe(leader?.mm?.exe);
    // Executable of two address spaces and mapped once.
    expect(leader?.mm?.exe?.users).toBe(3);
    expect(leader?.files?.descriptors[1]?.file).toBe(leader?.files?.descriptors[2]?.file);
    expect(zombie?.registers).toBeUndefined();
    expect(zombie?.mm).toBeUndefined();
    expect(tree.rootPid).toBe(10);
  });

  test('pages that lie together are one run', async () => {
    const { tree } = await readTree(bytesSource(image));
    const { runs } = tree.tasks[0]!.mm!.memory;
    const addresses = Array.from({ length: runs.length / 3 }, (_, index) => [
      runs[index * 3],
      runs[index * 3 + 2],
    ]);
    expect(addresses).toEqual([
      [0x60_1000, 1],
      [0x1000_0000, 2],
      [0x1000_4000, 1],
      [0x7ffe_ffff_f000, 1],
    ]);
    expect(storedPageCount(tree.tasks[0]!.mm!.memory)).toBe(5);
  });

  test('the head is decoded', async () => {
    const { head, subtree, taskRecords } = await readTree(bytesSource(image));
    expect(head).toMatchObject({ ...HEAD.uts, lsm: 'lsm_none', header: { time: HEAD.time, major: 2 } });
    expect(subtree).toBe(true);
    expect(taskRecords).toHaveLength(4);
    const container = await readTree(bytesSource(writeImage({ ...HEAD, subtree: false }, single())));
    expect(container.subtree).toBe(false);
  });

  test('is counted', async () => {
    const { counts } = await verifyImage(bytesSource(image));
    expect(counts).toMatchObject({
      tasks: 4,
      zombies: 1,
      fileTables: 1,
      descriptors: 3,
      files: 4,
      addressSpaces: 2,
      vmas: 6,
      pages: 6,
    });
  });
});
