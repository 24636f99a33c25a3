import { createHash } from 'node:crypto';
import { collect, newObjectHash } from '@ckptree/checkpoint';
import { bytesSource, readTree, verifyImage } from '@ckptree/image';
import {
  frameBytes,
  type MemorySnapshot,
  type Mm,
  PAGE_SIZE,
  type StoredPages,
  type TaskTree,
} from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PageArray } from '../dist/page-array.js';
import { PageScan } from '../dist/page-scan.js';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { imageOf } from './support/planned.js';
import { fileTable, mm, openFile, task, tree, vdso } from './support/trees.js';

const digest = (page: Uint8Array): string => createHash('md5').update(page).digest('hex');

type Pages = [address: number, digest: string][];

function snapshotPages({ vmas, memory }: Mm<MemorySnapshot>): Pages {
  const found: Pages = [];
  for (const { start, end, ops } of vmas) {
    if (ops === 'special') continue;
    const scan = new PageScan(memory, start, end);
    for (const pages = new PageArray(); scan.fill(pages) > 0; pages.clear())
      for (let index = 0; index < pages.used; index++)
        found.push([
          pages.address(index),
          digest(frameBytes(memory.arenas, pages.frames[index]!, 1).slice()),
        ]);
  }
  return found;
}

function storedPages({ memory: { runs } }: Mm<StoredPages>, image: Uint8Array): Pages {
  const found: Pages = [];
  for (let run = 0; run < runs.length; run += 3)
    for (let page = 0; page < runs[run + 2]!; page++) {
      const from = runs[run + 1]! + page * PAGE_SIZE;
      found.push([runs[run]! + page * PAGE_SIZE, digest(image.subarray(from, from + PAGE_SIZE))]);
    }
  return found;
}

/** A tree with ids, users and memory replaced by what an image can show: objrefs, and the pages. */
function shown<Memory>(
  of: TaskTree<Memory>,
  idOf: (object: object) => number,
  pagesOf: (mm: Mm<Memory>) => Pages,
) {
  const file = (one: object | undefined) => one && { ...one, id: idOf(one), users: 0 };
  return of.tasks.map(({ mm, files, ...own }) => ({
    ...own,
    files: files && {
      id: idOf(files),
      descriptors: files.descriptors.map((one) => ({ ...one, file: file(one.file) })),
    },
    mm: mm && {
      ...mm,
      ...{ id: idOf(mm), users: 0, exe: file(mm.exe), memory: pagesOf(mm) },
      vmas: mm.vmas.map((vma) => ({ ...vma, file: file(vma.file) })),
    },
  }));
}

describe('every image', () => {
  test('keeps all rules of the format, as a subtree and as a container', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTree, fc.boolean(), async (any, subtree) => {
        const report = await verifyImage(bytesSource(await imageOf(any, { subtree })));
        expect(report.findings).toEqual([]);
        expect(report.counts.tasks).toBe(any.tasks.length);
      }),
    );
  });

  test('reads back as the tree that it was taken of, page for page', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTree, async (any) => {
        const hash = newObjectHash(() => undefined);
        collect(any, hash);
        const image = await imageOf(any);
        const { tree: back } = await readTree(bytesSource(image));
        expect(back.rootPid).toBe(any.rootPid);
        expect(
          shown(
            back,
            (object) => (object as { id: number }).id,
            (one) => storedPages(one, image),
          ),
        ).toEqual(shown(any, (object) => hash.lookup(object)?.objref ?? 0, snapshotPages));
      }),
    );
  });

  test('has objrefs without gaps, also when a vdso has a file that the image does not define', async () => {
    const of = tree(
      task(1, { mm: mm([vdso({ file: openFile() })]) }),
      task(2, { files: fileTable([openFile()]) }),
    );
    expect((await verifyImage(bytesSource(await imageOf(of, { subtree: false })))).findings).toEqual([]);
  });
});
