import { checkContained, collect, newObjectHash, type ObjectHash } from '@ckptree/checkpoint';
import type { Mm, TaskTree } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { fileTable, fileVma, mm, openFile, task, tree, vdso, vma, zombie } from './support/trees.js';

function collected(of: TaskTree): ObjectHash {
  const hash = newObjectHash(() => undefined);
  collect(of, hash);
  return hash;
}

const order = (hash: ObjectHash) =>
  Array.from({ length: hash.size }, (_, index) => hash.lookupObjref(index + 1)?.object);

describe('collecting a task', () => {
  test('meets its descriptor table with the files, then its mm with the executable and each file behind a vma', () => {
    const [input, log, exe, library] = [openFile(), openFile(), openFile(), openFile()];
    const table = fileTable([input, log, input]);
    const space = mm([fileVma(0x1000, 1, exe), vma(0x2000, 1), fileVma(0x3000, 1, library)], { exe });
    const hash = collected(tree(task(1, { files: table, mm: space })));
    expect(order(hash)).toEqual([table, input, log, space, exe, library]);
    expect(hash.lookup(input)?.users).toBe(2);
    expect(hash.lookup(exe)?.users).toBe(2);
  });

  test('meets the files of an mm only the first time that the mm is met', () => {
    const exe = openFile();
    const space = mm([fileVma(0x1000, 1, exe)], { exe });
    const hash = collected(tree(task(1, { mm: space }), task(2, { mm: space }), task(3, { mm: space })));
    expect(hash.lookup(space)?.users).toBe(3);
    expect(hash.lookup(exe)?.users).toBe(2);
  });

  test('meets the files of a descriptor table only the first time that the table is met', () => {
    const log = openFile();
    const table = fileTable([log]);
    const hash = collected(tree(task(1, { files: table }), task(2, { files: table })));
    expect(hash.lookup(table)?.users).toBe(2);
    expect(hash.lookup(log)?.users).toBe(1);
  });

  test('meets nothing in a zombie', () => {
    expect(collected(tree(zombie(1))).size).toBe(0);
  });

  test('gives the last objrefs to files that the image will not define', () => {
    const [special, log] = [openFile(), openFile()];
    const space = mm([vdso({ file: special })]);
    const hash = collected(tree(task(1, { mm: space }), task(2, { files: fileTable([log]) })));
    expect(hash.lookup(special)).toMatchObject({ objref: 4, users: 1 });
    expect(hash.lookup(log)?.objref).toBe(3);
  });

  test('that goes wrong says at which task', () => {
    const hash = newObjectHash(() => undefined);
    const table = fileTable([]);
    hash.collect('MM', table as unknown as Mm);
    const mixed = tree(task(7, { comm: 'odd', files: table }));
    expect(() => collect(mixed, hash)).toThrow(
      expect.objectContaining({ code: 'EINVAL', fields: expect.objectContaining({ pid: 7, comm: 'odd' }) }),
    );
  });
});

describe('a container', () => {
  test('is contained when every user of every object is in the tree', () => {
    fc.assert(
      fc.property(arbitraryTree, (any) => expect(() => checkContained(collected(any))).not.toThrow()),
    );
  });

  test('with an object that a stranger uses, too, is refused with the name and both counts', () => {
    const log = openFile({ path: '/var/log/app', users: 3 });
    const leaky = tree(task(1, { files: fileTable([log, log]), mm: mm([]) }));
    expect(() => checkContained(collected(leaky))).toThrow(
      expect.objectContaining({
        code: 'EBUSY',
        message: expect.stringContaining('FILE 2 (/var/log/app) has 3 users, 2 of them in the tree'),
        fields: { object: 'FILE', objref: 2 },
      }),
    );
  });

  test('whose mm or descriptor table is shared with a task outside is refused', () => {
    for (const over of [{ mm: mm([], { users: 2 }) }, { files: fileTable([], { users: 2 }) }])
      expect(() => checkContained(collected(tree(task(1, over))))).toThrow(
        expect.objectContaining({ code: 'EBUSY' }),
      );
  });

  test('with fewer real users than the tree refers to is refused', () => {
    const space = mm([], { users: 1 });
    expect(() => checkContained(collected(tree(task(1, { mm: space }), task(2, { mm: space }))))).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('MM 1 has 1 users, 2 of them in the tree'),
      }),
    );
  });

  test('with many leaks names the first and counts the others', () => {
    const files = Array.from({ length: 11 }, (_, index) => openFile({ path: `/${index}`, users: 9 }));
    expect(() => checkContained(collected(tree(task(1, { files: fileTable(files) }))))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/\(\/0\).*\(\/7\).*; and 3 more\./) }),
    );
  });
});

test('a file behind a vdso counts as a user of it', () => {
  const special = openFile({ users: 1 });
  expect(() => checkContained(collected(tree(task(1, { mm: mm([vdso({ file: special })]) }))))).not.toThrow();
});

test('clearing the hash gives back the snapshot of every mm, once', () => {
  const given: unknown[] = [];
  const hash = newObjectHash((space) => given.push(space));
  const [one, other] = [mm([]), mm([])];
  collect(tree(task(1, { mm: one }), task(2, { mm: other }), task(3, { mm: one })), hash);
  hash.clear();
  expect(given).toHaveLength(2);
  expect(new Set(given)).toEqual(new Set([one, other]));
});
