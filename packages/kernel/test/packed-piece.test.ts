import { AT_VECTOR_SIZE, REGISTERS_SIZE } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { CutPiece, MmPiece, TaskPiece } from '../dist/cut/cut-piece.js';
import { packPiece, unpackPiece } from '../dist/cut/packed-piece.js';
import { emptyDescription } from '../dist/memory/address-space.js';
import type { FileObject } from '../dist/memory/file-object.js';
import type { VmArea } from '../dist/memory/vm-area.js';

const u32 = fc.nat(2 ** 32 - 1);
const address = fc.maxSafeNat();
const long = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const maybe = <Value extends object>(values: { [Name in keyof Value]: fc.Arbitrary<Value[Name]> }) =>
  fc.record(values, { requiredKeys: [] });

/** A file is what it is wherever it is met. */
const files: readonly FileObject[] = [
  { id: 3, path: '/lib/c', mode: 1, flags: 0 },
  { id: 9, path: '', mode: 0x8000_0000, flags: 2 ** 31, key: 'tree/9' },
  { id: 0, path: '/lib/c', mode: 3, flags: 0x8002, key: '' },
];
const file = fc.constantFrom(...files);

const task: fc.Arbitrary<TaskPiece> = fc.record({
  slot: u32,
  registers: bytes(REGISTERS_SIZE),
  setChildTid: long,
  clearChildTid: long,
  robustList: long,
  mm: u32,
  files: u32,
});

const vma: fc.Arbitrary<VmArea> = fc
  .tuple(
    fc.record({
      start: address,
      end: address,
      flags: u32,
      pageProt: long,
      pgoff: address,
      ops: fc.constantFrom('none', 'file', 'special', 'shm', 'hugetlb', 'device'),
    }),
    maybe<{ name: string; file: FileObject }>({ name: fc.string(), file }),
  )
  .map(([own, more]) => ({ ...own, ...more }));

const { layout } = emptyDescription(1);
const mm: fc.Arbitrary<MmPiece> = fc.record({
  id: u32,
  users: u32,
  layout: fc.record(
    Object.fromEntries(Object.keys(layout).map((name) => [name, address])) as {
      [Name in keyof typeof layout]: fc.Arbitrary<number>;
    },
  ),
  flags: long,
  defFlags: long,
  auxv: fc.bigUint64Array({ minLength: AT_VECTOR_SIZE, maxLength: AT_VECTOR_SIZE }),
  context: fc.record({ vdso: address, ldt: fc.uint8Array({ maxLength: 64 }) }),
  exe: fc.option(file, { nil: undefined }),
  mapCount: u32,
  vmas: fc.array(vma, { maxLength: 6 }),
  outstandingAio: u32,
  leaves: fc.int32Array({ maxLength: 5000 }),
  history: fc.array(fc.record({ incarnation: fc.string({ minLength: 1 }), first: address, last: address }), {
    maxLength: 3,
  }),
});

const table: fc.Arbitrary<CutPiece['tables'][number]> = fc
  .tuple(
    fc.record({
      id: u32,
      users: u32,
      list: fc.array(fc.record({ fd: u32, closeOnExec: fc.boolean(), file }), { maxLength: 4 }),
    }),
    maybe<{ key: string }>({ key: fc.string() }),
  )
  .map(([own, more]) => ({ ...own, ...more }));

const piece: fc.Arbitrary<CutPiece> = fc.record({
  cut: u32,
  tasks: fc.array(task, { maxLength: 40 }),
  mms: fc.array(mm, { maxLength: 4 }),
  tables: fc.array(table, { maxLength: 4 }),
  last: fc.boolean(),
});

test('a piece of a cut comes out of its message as it went in', () => {
  fc.assert(
    fc.property(piece, (sent) => {
      expect(unpackPiece(structuredClone(packPiece(sent)))).toEqual(sent);
    }),
  );
});

test('what a piece says of page tables can travel on without the rest of the message', () => {
  const { aio: _, ...description } = emptyDescription(1);
  const own = { users: 1, exe: undefined, mapCount: 0, outstandingAio: 0, history: [] };
  const mms = [1, 2, 3].map((id): MmPiece => ({ ...description, ...own, id, leaves: new Int32Array(2) }));
  const { mms: told } = unpackPiece(packPiece({ cut: 1, tasks: [], mms, tables: [], last: true }));
  for (const { leaves } of told) expect(leaves.buffer.byteLength).toBe(8);
});
