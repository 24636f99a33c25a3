import type { ErrorFields } from '@ckptree/errors';
import { VMA_NOT_SUPPORTED } from '@ckptree/image';
import { type Mm, type TaskTree, VM, type Vma, type VmFlag } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { planned } from './support/planned.js';
import { fileTable, fileVma, mm, openFile, task, tree, vdso, vma } from './support/trees.js';

const withMm = (space: Mm): TaskTree => tree(task(12, { comm: 'app', mm: space }));
const withVma = (one: Vma): TaskTree => withMm(mm([one]));

function expectRefusal(
  of: TaskTree,
  code: string,
  message: string,
  fields: ErrorFields,
  subtree = true,
): void {
  expect(() => planned(of, { subtree })).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringContaining(message),
      fields: expect.objectContaining(fields),
    }),
  );
}

const PLACE = { pid: 12, comm: 'app', object: 'MM', objref: 1, vma: '1000-2000' };

describe('a vma is refused with ENOSYS', () => {
  const UNSUPPORTED: VmFlag[] = [
    'SHARED',
    'MAYSHARE',
    'IO',
    'HUGETLB',
    'NONLINEAR',
    'PFNMAP',
    'RESERVED',
    'NORESERVE',
    'MAPPED_COPY',
    'INSERTPAGE',
    'MIXEDMAP',
    'SAO',
  ];

  test.each(UNSUPPORTED)('when it has the flag VM_%s', (flag) => {
    const flags = VM.READ | VM[flag];
    expectRefusal(
      withVma(vma(0x1000, 1, { flags })),
      'ENOSYS',
      `vma 1000-2000 has the flags ${flag},`,
      PLACE,
    );
    const file = openFile();
    expectRefusal(withVma(fileVma(0x1000, 1, file, { flags })), 'ENOSYS', flag, PLACE);
    expectRefusal(withVma(vdso({ flags })), 'ENOSYS', flag, { pid: 12 });
  });

  test('naming every flag that is not supported, and no other', () => {
    const flags = VM.READ | VM.SHARED | VM.IO | VM.PFNMAP;
    expectRefusal(withVma(vma(0x1000, 1, { flags })), 'ENOSYS', 'has the flags SHARED|PFNMAP|IO,', PLACE);
  });

  test('and not for any other flag', () => {
    const supported = Object.values(VM).filter((flag) => (flag & VMA_NOT_SUPPORTED) === 0);
    expect(supported).toHaveLength(Object.keys(VM).length - UNSUPPORTED.length);
    for (const flag of supported)
      expect(() => planned(withVma(vma(0x1000, 1, { flags: flag })))).not.toThrow();
  });

  test.each(['shm', 'hugetlb', 'device'] as const)(
    'when it is backed by %s memory, which has no method',
    (ops) => {
      expectRefusal(withVma(vma(0x1000, 1, { ops })), 'ENOSYS', `is backed by ${ops} memory`, PLACE);
    },
  );

  test('when it is a special mapping other than the vdso', () => {
    const other = vma(0x1000, 1, { ops: 'special', name: '[vsyscall]' });
    expectRefusal(withVma(other), 'ENOSYS', 'is the special mapping [vsyscall]', PLACE);
  });

  test('when it is a special mapping without a name', () => {
    expectRefusal(withVma(vma(0x1000, 1, { ops: 'special' })), 'ENOSYS', 'without a name', PLACE);
  });
});

describe('a vma that contradicts itself is refused with EINVAL', () => {
  test('when it is anonymous and has a file', () => {
    expectRefusal(withVma(vma(0x1000, 1, { file: openFile({ path: '/x' }) })), 'EINVAL', '/x', PLACE);
  });

  test('when it maps a file and has none', () => {
    expectRefusal(withVma(vma(0x1000, 1, { ops: 'file' })), 'EINVAL', 'maps a file and has none', PLACE);
  });

  test('when it is not page-aligned, empty, or overlaps the one before', () => {
    const bad: Vma[][] = [
      [vma(0x1800, 1)],
      [vma(0x1000, 0)],
      [vma(0x1000, 2), vma(0x2000, 1)],
      [vma(0x8000, 1), vma(0x1000, 1)],
    ];
    for (const vmas of bad) expectRefusal(withMm(mm(vmas)), 'EINVAL', 'not made of pages', { pid: 12 });
  });
});

describe('an mm is refused with EBUSY', () => {
  test('while it has outstanding asynchronous requests', () => {
    const busy = mm([vma(0x1000, 1)], { outstandingAio: 2 });
    expectRefusal(withMm(busy), 'EBUSY', '2 outstanding asynchronous requests', { pid: 12, objref: 1 });
  });

  test.each([0, 2])('when it says that it has %d vmas and 1 is found', (mapCount) => {
    const changed = mm([vma(0x1000, 1)], { mapCount });
    expectRefusal(withMm(changed), 'EBUSY', `has ${mapCount} vmas, and 1 were found`, { pid: 12, objref: 1 });
  });
});

describe('in a container', () => {
  /** An object whose property changes from the first read to the next, as a tree does that is not frozen. */
  function changing<T extends object, Key extends keyof T>(
    object: T,
    key: Key,
    first: T[Key],
    later: T[Key],
  ): T {
    let reads = 0;
    return Object.defineProperty({ ...object }, key, { get: () => (reads++ === 0 ? first : later) });
  }

  test('an object that came in after the collection is a reverse leak', () => {
    const late = openFile();
    const of = tree(
      task(12, {
        comm: 'app',
        files: changing(fileTable([]), 'descriptors', [], fileTable([late]).descriptors),
      }),
    );
    expectRefusal(
      of,
      'EBUSY',
      'FILE 2 came into the tree after its objects were collected',
      { pid: 12 },
      false,
    );
  });

  test('an object that was collected and is not reached again is a leak', () => {
    const gone = openFile();
    const of = tree(
      task(12, { files: changing(fileTable([]), 'descriptors', fileTable([gone]).descriptors, []) }),
    );
    expectRefusal(of, 'EBUSY', 'FILE 2 was collected and is not in the tree any more', {}, false);
  });

  test('a file behind a vma that the image does not define is not taken for forgotten', () => {
    const of = withMm(mm([vdso({ file: openFile() })]));
    expect(() => planned(of, { subtree: false })).not.toThrow();
  });

  test('a file that was only seen behind a vdso is still defined where a task has it open', () => {
    const file = openFile({ users: 2 });
    const of = tree(task(1, { mm: mm([vdso({ file })]) }), task(2, { files: fileTable([file]) }));
    const { figures } = planned(of, { subtree: false });
    expect(figures.files).toBe(1);
  });

  test('while a subtree may change and share as it likes', () => {
    const late = openFile();
    const of = tree(
      task(1, { files: changing(fileTable([]), 'descriptors', [], fileTable([late]).descriptors) }),
    );
    expect(() => planned(of)).not.toThrow();
  });
});

test('a path or name that does not fit the format is refused', () => {
  expectRefusal(
    tree(task(12, { files: fileTable([openFile({ path: '/x'.repeat(2048) })]) })),
    'EOVERFLOW',
    'longer',
    {
      pid: 12,
    },
  );
  expectRefusal(tree(task(12, { comm: 'sixteen-bytes-it' })), 'EOVERFLOW', 'longer', { pid: 12 });
});
