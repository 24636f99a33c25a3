import { bytesSource, readTree, storedPageCount, verifyImage } from '@ckptree/image';
import { PAGE_SIZE, type StoredPages } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
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

/** A tree without what an image does not keep: ids and users as the source counted them. */
const comparable = (value: unknown): unknown => {
  if (value instanceof Map || ArrayBuffer.isView(value) || typeof value !== 'object' || value === null)
    return value;
  if (Array.isArray(value)) return value.map(comparable);
  const kept = Object.entries(value).filter(([key]) => key !== 'id' && key !== 'users');
  return Object.fromEntries(kept.map(([key, inner]) => [key, comparable(inner)]));
};

describe.each([
  ['single', single],
  ['family', family],
])('an image of the %s tree', (_, make) => {
  test.each([1, 2, 8192])('verifies and gives the tree back, %i pages a batch', async (pagesPerBatch) => {
    const tree = make();
    const image = writeImage(HEAD, tree, pagesPerBatch);
    const report = await verifyImage(bytesSource(image));
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ ok: true, moreFindings: 0, bytes: image.length });
    const contents = await readTree(bytesSource(image));
    const tasks = contents.tree.tasks.map((task) =>
      task.mm === undefined ? task : { ...task, mm: { ...task.mm, memory: pagesOf(image, task.mm.memory) } },
    );
    expect(comparable(tasks)).toEqual(comparable(tree));
  });
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
