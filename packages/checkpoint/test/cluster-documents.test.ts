import { checkAssignment, checkSkeleton, describePart, merge, planSegments } from '@ckptree/checkpoint';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sent } from './support/merged.js';
import { fileTable, fileVma, mm, openFile, task, tree, zombie } from './support/trees.js';

describe('a document that is no', () => {
  const of = tree(
    task(1, {
      files: fileTable([openFile({ key: 'f' })], { key: 'd' }),
      mm: mm([fileVma(0x1000, 1, openFile())]),
    }),
    zombie(2),
  );
  const good = describePart('a', of);
  type Document = Record<string, Record<string, unknown>>;
  const damaged = (damage: (document: Document) => unknown): unknown => {
    const copy = sent(good) as Document;
    damage(copy);
    return copy;
  };

  test.each<[string, unknown]>([
    ['nothing', null],
    ['text', 'skeleton'],
    ['without tasks', damaged((document) => Reflect.deleteProperty(document, 'tasks'))],
    ['with more than there may be', damaged((document) => Object.assign(document, { more: 1 }))],
    ['a short column', damaged((document) => Object.assign(document.tasks!, { sid: [1] }))],
    ['a table that is not there', damaged((document) => Object.assign(document.tasks!, { table: [0, 7] }))],
    ['a file that is not there', damaged((document) => Object.assign(document.tables!, { files: [[9]] }))],
    [
      'a special file that is not there',
      damaged((document) => Object.assign(document.mms!, { vmas: [[-9]] })),
    ],
    ['a zombie that is not there', damaged((document) => Object.assign(document, { zombies: [2] }))],
    ['a pid of 0', damaged((document) => Object.assign(document.tasks!, { pid: [0, 2] }))],
    [
      'too few descriptors',
      damaged((document) => Object.assign(document.tables!, { keyed: [{ table: 0, key: 'd', fds: [] }] })),
    ],
    ...['ppid', 'tgid', 'pgid', 'sid'].map((column): [string, unknown] => [
      `a negative ${column}`,
      damaged((document) => Object.assign(document.tasks!, { [column]: [1, -1] })),
    ]),
    ['a thread of its own', damaged((document) => Object.assign(document.tasks!, { tgid: [0, 2] }))],
    ['a zombie with a table', damaged((document) => Object.assign(document.tasks!, { table: [0, 0] }))],
    ['a zombie with memory', damaged((document) => Object.assign(document.tasks!, { mm: [0, 0] }))],
    [
      'one key for two files',
      damaged((document) =>
        Object.assign(document.files!, { keyed: [0, 1].map((file) => ({ file, key: 'f' })) }),
      ),
    ],
    [
      'two keys for one file',
      damaged((document) =>
        Object.assign(document.files!, { keyed: ['f', 'g'].map((key) => ({ file: 0, key })) }),
      ),
    ],
    [
      'two keys for one table',
      damaged((document) =>
        Object.assign(document.tables!, { keyed: ['d', 'e'].map((key) => ({ table: 0, key, fds: [3] })) }),
      ),
    ],
    ['of another worker', damaged((document) => Object.assign(document, { worker: 'b' }))],
  ])('skeleton is refused with EBADMSG: %s', (_, document) => {
    expect(() => checkSkeleton(document, 'a')).toThrow(expect.objectContaining({ code: 'EBADMSG' }));
  });

  test('skeleton for random damage is refused, or merges, or fails with a code', () => {
    const path = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 });
    const value = fc.oneof(fc.integer(), fc.constant(null), fc.string(), fc.constant([]), fc.constant(-1));
    fc.assert(
      fc.property(path, value, (steps, broken) => {
        const document = sent(good);
        setAt(document, steps, broken);
        try {
          merge([checkSkeleton(document, 'a')], { pid: 1, rootPid: 1, container: true });
        } catch (error) {
          expect(error).toMatchObject({
            name: 'CkptError',
            code: expect.stringMatching(/^E(BADMSG|SRCH|EXIST|BUSY)$/),
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('assignment is refused: of no shape or that contradicts itself with EBADMSG, of another cut with EINVAL', () => {
    const assignment = merge([good], { pid: 1, rootPid: 1 }).assignments.get('a')!;
    for (const document of [
      null,
      {},
      { ...assignment, segments: [7] },
      { ...assignment, order: [0] },
      { ...assignment, order: [0, 2, 5] },
      { ...assignment, order: [0, 1, 0, 1] },
      { ...assignment, order: [1, 1, 0, 2], segments: [3] },
      { ...assignment, mms: assignment.tables },
    ])
      expect(() => checkAssignment(document)).toThrow(expect.objectContaining({ code: 'EBADMSG' }));
    for (const other of [
      { ...assignment, files: [] },
      { ...assignment, order: [5, 2] },
      { ...assignment, order: [0, 2 ** 31 - 1], segments: [2 ** 31 - 1] },
      { ...assignment, mms: [0] },
    ])
      expect(() => planSegments(of, checkAssignment(other), { worker: 'a' })).toThrow(
        expect.objectContaining({ code: 'EINVAL', fields: expect.objectContaining({ worker: 'a' }) }),
      );
  });
});

/** Puts a value somewhere into a document: each step chooses one of what there is. */
function setAt(document: unknown, steps: readonly number[], value: unknown): void {
  let at = document as Record<string, unknown>;
  for (const [index, step] of steps.entries()) {
    const keys = Object.keys(at);
    const key = keys[step % Math.max(1, keys.length)];
    if (key === undefined) return;
    const next = at[key];
    if (index === steps.length - 1 || typeof next !== 'object' || next === null) {
      at[key] = value;
      return;
    }
    at = next as Record<string, unknown>;
  }
}
