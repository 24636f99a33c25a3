import { describePart, merge } from '@ckptree/checkpoint';
import type { TaskTree, Vma } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { mergedImage, mergeParts, skeletonsOf, whole } from './support/merged.js';
import { imageOf } from './support/planned.js';
import { partsOf } from './support/split.js';
import { fileTable, fileVma, mm, openFile, task, tree, vdso, vma } from './support/trees.js';

describe('objects of several workers', () => {
  const log = openFile({ users: 2, path: '/data/log' });
  const table = fileTable([log, log], { users: 3 });
  const sharers = tree(task(1, { files: table }), task(2, { files: table }), task(3, { files: table }));
  const apart = { a: [1], b: [2], c: [3] };

  test('are one object with the users of all, written by whoever comes first', async () => {
    const parts = partsOf(sharers, apart);
    const merged = mergeParts(parts, { ...whole(sharers), container: true });
    expect(merged.figures).toEqual({ tasks: 3, mms: 0, files: 1, pages: 0 });
    expect([...merged.assignments.values()].map(({ foreignTables }) => foreignTables)).toEqual([
      [],
      [0],
      [0],
    ]);
    expect((await mergedImage(merged, parts)).equals(await imageOf(sharers, { subtree: false }))).toBe(true);
  });

  test('leak when somebody outside of the tree uses them, on any worker', () => {
    const leaky = (change: (part: TaskTree) => TaskTree) => {
      const parts = partsOf(sharers, apart);
      return new Map([...parts].map(([worker, part]) => [worker, worker === 'b' ? change(part) : part]));
    };
    const withTable = (over: object) =>
      leaky(({ rootPid, tasks }) => ({
        rootPid,
        tasks: tasks.map((each) => ({ ...each, files: { ...each.files!, ...over } })),
      }));
    const container = { ...whole(sharers), container: true };
    expect(() => mergeParts(withTable({ users: 2 }), container)).toThrow(
      expect.objectContaining({
        code: 'EBUSY',
        message: expect.stringContaining('FILE_TABLE 1 has 4 users, 3'),
      }),
    );
    const file = { ...log, key: `t-test:${log.id}`, users: 3 };
    const descriptors = table.descriptors.map((descriptor) => ({ ...descriptor, file }));
    expect(() => mergeParts(withTable({ descriptors }), container)).toThrow(
      expect.objectContaining({
        code: 'EBUSY',
        message: expect.stringContaining('FILE 2 (/data/log) has 3 users, 2'),
      }),
    );
    expect(mergeParts(withTable({ users: 2 }), whole(sharers)).subtree).toBe(true);
  });

  test('do not count when only tasks have them that are not saved', () => {
    const of = tree(task(1, { files: table }), task(2, { files: table }), task(3));
    const parts = partsOf(of, { a: [1, 3], b: [2] });
    const { figures } = mergeParts(parts, { pid: 3, rootPid: 1 });
    expect(figures).toEqual({ tasks: 1, mms: 0, files: 0, pages: 0 });
  });

  test('leak when tasks that were cut are outside of the tree', () => {
    const parts = partsOf(sharers, apart);
    expect(() => mergeParts(parts, { pid: 2, rootPid: 1, container: true })).toThrow(
      expect.objectContaining({ code: 'EBUSY' }),
    );
    expect(mergeParts(parts, { pid: 2, rootPid: 1 }).figures).toMatchObject({ tasks: 1, files: 1 });
  });

  test.each([
    ['a file more', [0, 1, 2], [log, log, log]],
    ['a file less', [0], [log]],
    ['another file', [0, 1], [log, openFile()]],
    ['another descriptor', [0, 7], [log, log]],
  ])('that have come to differ fail the checkpoint: %s', (_, fds, files) => {
    const parts = partsOf(sharers, apart);
    const part = parts.get('c')!;
    const copies = new Map<object, object>();
    const copy = (file: typeof log) => {
      const known = copies.get(file) ?? { ...file, ...(file === log && { key: `t-test:${log.id}` }) };
      copies.set(file, known);
      return known as typeof log;
    };
    const descriptors = fds.map((fd, index) => ({ fd, closeOnExec: fd === 1, file: copy(files[index]!) }));
    const tasks = part.tasks.map((each) => ({ ...each, files: { ...each.files!, descriptors } }));
    parts.set('c', { ...part, tasks });
    expect(() => mergeParts(parts, whole(sharers))).toThrow(
      expect.objectContaining({
        code: 'EBUSY',
        message: expect.stringContaining(
          `descriptor table t-test:${table.id} is shared by tasks on workers a and c`,
        ),
        fields: { object: 'FILE_TABLE', worker: 'c' },
      }),
    );
    // Nobody in this subtree has that copy.
    expect(mergeParts(parts, { pid: 2, rootPid: 1 }).tasks).toHaveLength(1);
  });

  test('have the position of the first task that has them', async () => {
    const at = (pos: number) => openFile({ pos, key: 'k', path: '/data/log' });
    const parts = new Map([
      ['b', tree(task(1, { files: fileTable([at(7)]) }))],
      ['a', tree(task(2, { files: fileTable([at(9)]) }))],
    ]);
    const image = await mergedImage(mergeParts(parts, { pid: 1, rootPid: 1 }), parts);
    const alone = openFile({ pos: 7, path: '/data/log' });
    const both = tree(task(1, { files: fileTable([alone]) }), task(2, { files: fileTable([alone]) }));
    expect(image.equals(await imageOf(both))).toBe(true);
  });

  test('are not written for a special mapping, only counted', async () => {
    const special = openFile({ users: 2 });
    const own = mm([fileVma(0x1000, 1, special), vdso({ file: special })]);
    const of = tree(task(1), task(2, { mm: own }));
    const parts = partsOf(of, { a: [1], b: [2] });
    const merged = mergeParts(parts, { ...whole(of), container: true });
    expect((await mergedImage(merged, parts)).equals(await imageOf(of, { subtree: false }))).toBe(true);
  });
});

describe('parts are refused when', () => {
  const of = tree(task(1), task(2));
  const parts = partsOf(of, { a: [1], b: [2] });

  test('one is missing: its worker was lost', () => {
    expect(() => mergeParts(parts, { ...whole(of), workers: ['a', 'b', 'c'] })).toThrow(
      expect.objectContaining({
        code: 'EPIPE',
        message: expect.stringContaining('worker c'),
        fields: { worker: 'c' },
      }),
    );
  });

  test('one is there twice, or a pid is', () => {
    const [skeleton] = skeletonsOf(parts);
    expect(() => merge([skeleton!, skeleton!], whole(of))).toThrow(
      expect.objectContaining({ code: 'EEXIST' }),
    );
    const twice = new Map([...parts, ['c', tree(task(2))]]);
    expect(() => mergeParts(twice, whole(of))).toThrow(
      expect.objectContaining({ code: 'EEXIST', fields: { pid: 2, worker: 'c' } }),
    );
  });

  test('the task is in none of them', () => {
    expect(() => mergeParts(parts, { pid: 9, rootPid: 1 })).toThrow(
      expect.objectContaining({
        code: 'ESRCH',
        message: 'task 9 had ended when its tree was stopped for the checkpoint',
        fields: { pid: 9 },
      }),
    );
  });

  test.each<[string, Partial<Vma>]>([
    ['device', { ops: 'device' }],
    ['special', { ops: 'special', name: '[vvar]' }],
    ['shared', { flags: 0x8 }],
  ])('a vma cannot be saved (%s), with the name of its worker', (_, over) => {
    const part = tree(task(7, { comm: 'odd', mm: mm([vma(0x1000, 1), vma(0x5000, 1, over)]) }));
    expect(() => describePart('b', part)).toThrow(
      expect.objectContaining({
        code: 'ENOSYS',
        message: expect.stringMatching(/^on worker b: vma 5000-6000 /),
        fields: { worker: 'b', pid: 7, comm: 'odd', object: 'MM', vma: '5000-6000' },
      }),
    );
  });

  test('asynchronous requests are outstanding, with the name of their worker', () => {
    const part = tree(task(7, { mm: mm([], { outstandingAio: 2 }) }));
    expect(() => describePart('b', part)).toThrow(
      expect.objectContaining({ code: 'EBUSY', fields: expect.objectContaining({ worker: 'b', pid: 7 }) }),
    );
  });
});
