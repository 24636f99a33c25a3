import { VMA_NOT_SUPPORTED } from '@ckptree/image';
import {
  type FileTable,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  REGISTERS_SIZE,
  type Task,
  type Vma,
} from '@ckptree/model';
import fc from 'fast-check';
import { file, fileTable, mm, page, task, zombie } from './trees.js';
import type { Pages } from './write-image.js';

const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const text = (maxBytes: number) =>
  fc
    .string({ unit: 'binary', maxLength: maxBytes })
    .filter((some) => !some.includes('\0') && Buffer.byteLength(some) <= maxBytes);

const anyFile: fc.Arbitrary<OpenFile> = fc
  .record({
    path: text(300).map((name) => `/${name}`),
    mode: fc.nat(0xffff_ffff),
    flags: fc.nat(0xffff_ffff),
    pos: fc.maxSafeNat(),
    version: u64,
  })
  .map(({ path, ...values }) => file(path, values));

interface Shape {
  readonly kind: 'none' | 'file' | 'special';
  readonly gap: number;
  readonly size: number;
  readonly file: number;
  readonly flags: number;
  readonly pageProt: bigint;
  readonly pages: readonly number[];
}

const shape: fc.Arbitrary<Shape> = fc.record({
  kind: fc.constantFrom('none', 'file', 'special'),
  gap: fc.nat(3),
  size: fc.integer({ min: 1, max: 9 }),
  file: fc.nat(3),
  flags: fc.nat(0xffff_ffff).map((bits) => (bits & ~VMA_NOT_SUPPORTED) >>> 0),
  pageProt: u64,
  pages: fc.uniqueArray(fc.nat(8), { maxLength: 4 }),
});

/** vmas one behind the other from their shapes, and some pages in each. */
function layOut(
  shapes: readonly Shape[],
  files: readonly OpenFile[],
  start: number,
): { vmas: Vma[]; pages: Pages } {
  const vmas: Vma[] = [];
  const pages = new Map<number, Uint8Array>();
  let at = start;
  for (const { kind, gap, size, file: which, flags, pageProt, pages: inside } of shapes) {
    at += gap * PAGE_SIZE;
    const backing = kind === 'file' ? { file: files[which % files.length]! } : {};
    const name = kind === 'special' ? { name: '[vdso]' } : {};
    vmas.push({
      start: at,
      end: at + size * PAGE_SIZE,
      flags,
      pageProt,
      pgoff: at / PAGE_SIZE,
      ops: kind,
      ...name,
      ...backing,
    });
    if (kind !== 'special')
      for (const index of [...inside].sort((a, b) => a - b).filter((index) => index < size))
        pages.set(at + index * PAGE_SIZE, page(index));
    at += size * PAGE_SIZE;
  }
  return { vmas, pages };
}

const anyMm = (files: readonly OpenFile[]): fc.Arbitrary<Mm<Pages>> =>
  fc
    .record({
      shapes: fc.array(shape, { maxLength: 5 }),
      start: fc.nat(2 ** 30).map((number) => number * PAGE_SIZE),
      flags: u64,
      defFlags: u64,
      auxv: fc.array(u64, { minLength: 44, maxLength: 44 }),
      vdso: fc.nat(2 ** 31),
      ldt: fc
        .uint8Array({ maxLength: 5 })
        .map((bytes) => new Uint8Array(bytes.length * 8).fill(bytes.length)),
      exe: fc.option(fc.nat(3)),
    })
    .map(({ shapes, start, flags, defFlags, auxv, vdso, ldt, exe }) => {
      const { vmas, pages } = layOut(shapes, files, start);
      return mm(vmas, pages, {
        flags,
        defFlags,
        auxv: BigUint64Array.from(auxv),
        context: { vdso, ldt },
        ...(exe !== null && { exe: files[exe % files.length]! }),
      });
    });

const anyTable = (files: readonly OpenFile[]): fc.Arbitrary<FileTable> =>
  fc
    .uniqueArray(fc.record({ fd: fc.nat(1000), closeOnExec: fc.boolean(), which: fc.nat(3) }), {
      selector: ({ fd }) => fd,
      maxLength: 5,
    })
    .map((some) =>
      fileTable(
        some
          .sort((a, b) => a.fd - b.fd)
          .map(({ fd, closeOnExec, which }) => ({ fd, closeOnExec, file: files[which % files.length]! })),
      ),
    );

/** Any tree of tasks that share files, tables and address spaces in any way, with any values in their fields. */
export const anyTree: fc.Arbitrary<Task<Pages>[]> = fc
  .array(anyFile, { minLength: 1, maxLength: 4 })
  .chain((files) =>
    fc.record({
      mms: fc.array(anyMm(files), { minLength: 1, maxLength: 3 }),
      tables: fc.array(anyTable(files), { minLength: 1, maxLength: 3 }),
      tasks: fc.array(
        fc.record({
          parent: fc.nat(),
          isZombie: fc.boolean(),
          mm: fc.nat(),
          table: fc.nat(),
          comm: text(15),
          registers: fc.uint8Array({ minLength: REGISTERS_SIZE, maxLength: REGISTERS_SIZE }),
          state: fc.nat(0xffff_ffff),
          exitSignal: fc.integer({ min: -1, max: 64 }),
          robustList: u64,
        }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  )
  .map(({ mms, tables, tasks }) =>
    tasks.map(({ parent, isZombie, mm: whichMm, table, ...values }, index) => {
      const pid = 100 + index;
      const ppid = index === 0 ? 1 : 100 + (parent % index);
      if (isZombie) return { ...zombie(pid, ppid), comm: values.comm };
      return task(pid, {
        ...values,
        ppid,
        mm: mms[whichMm % mms.length]!,
        files: tables[table % tables.length]!,
      });
    }),
  );
