import {
  AT_VECTOR_SIZE,
  type ByteSource,
  EXIT_ZOMBIE,
  type FileTable,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  REGISTERS_SIZE,
  type StoredPages,
  type Task,
  type TaskTree,
  type Vma,
} from '@ckptree/model';
import fc from 'fast-check';
import { bytesSource, pagesOf } from './bytes.js';

/** A tree and the source in which its pages are. */
export interface Sample {
  readonly tree: TaskTree<StoredPages>;
  readonly source: ByteSource;
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const address = fc.nat({ max: 2 ** 47 });

/** Text of at most `bytes` bytes without NUL. */
const text = (bytes: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'grapheme', maxLength: bytes })
    .filter((name) => !name.includes('\0') && Buffer.byteLength(name) <= bytes);

const openFiles = fc
  .array(
    fc.record({
      path: text(40).map((name) => `/${name}`),
      mode: fc.nat(63),
      flags: fc.nat(),
      pos: fc.nat(),
      version: u64,
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((files) => files.map((file, index): OpenFile => ({ id: index + 1, users: 1, ...file })));

const KINDS = ['none', 'none', 'file', 'special'] as const;

const vmaShapes = fc.array(
  fc.record({
    gap: fc.constantFrom(0, 0, 1, 600, 2 ** 20),
    kind: fc.constantFrom(...KINDS),
    flags: fc.nat({ max: 2 ** 32 - 1 }),
    pageProt: u64,
    pgoff: fc.nat({ max: 2 ** 40 }),
    file: fc.nat(),
    /** A page each. */
    present: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
  }),
  { maxLength: 8 },
);
type VmaShape = typeof vmaShapes extends fc.Arbitrary<readonly (infer Shape)[]> ? Shape : never;

const mmSamples = fc
  .record({
    files: openFiles,
    shapes: vmaShapes,
    seed: fc.nat(),
    scattered: fc.boolean(),
    numbers: fc.array(address, { minLength: 12, maxLength: 12 }),
    words: fc.array(u64, { minLength: AT_VECTOR_SIZE + 2, maxLength: AT_VECTOR_SIZE + 2 }),
    ldt: fc.integer({ min: 0, max: 3 }).chain((entries) => {
      return fc.uint8Array({ minLength: entries * 8, maxLength: entries * 8 });
    }),
    hasExe: fc.boolean(),
  })
  .map(({ files, shapes, seed, scattered, numbers, words, ldt, hasExe }) => {
    const vmas = placeVmas(shapes, files);
    const { memory, bytes } = fillPages(vmas, shapes, seed, scattered);
    const [startCode, endCode, startData, endData, startBrk, brk, startStack, ...rest] = numbers as number[];
    const [argStart, argEnd, envStart, envEnd, vdso] = rest;
    const layout = { startCode, endCode, startData, endData, startBrk, brk, startStack } as Mm['layout'];
    const mm: Mm<StoredPages> = {
      ...{ id: 1, users: 1, flags: words[0]!, defFlags: words[1]!, outstandingAio: 0 },
      layout: { ...layout, argStart: argStart!, argEnd: argEnd!, envStart: envStart!, envEnd: envEnd! },
      auxv: BigUint64Array.from(words.slice(2)),
      context: { vdso: vdso!, ldt },
      ...(hasExe && { exe: files[0]! }),
      ...{ mapCount: vmas.length, vmas, memory },
    };
    return { mm, files, source: bytesSource(bytes) };
  });

function placeVmas(shapes: readonly VmaShape[], files: readonly OpenFile[]): Vma[] {
  let start = 0x10000;
  return shapes.map(({ gap, kind, flags, pageProt, pgoff, file, present }) => {
    start += gap * PAGE_SIZE;
    const vma = { start, end: start + present.length * PAGE_SIZE, flags, pageProt, pgoff, ops: kind };
    start = vma.end;
    if (kind === 'file') return { ...vma, file: files[file % files.length]! };
    return kind === 'special' ? { ...vma, name: '[vdso]' } : vma;
  });
}

/** Gives each present page its place in a source, in order or scattered, and contents that occur nowhere else. */
function fillPages(vmas: readonly Vma[], shapes: readonly VmaShape[], seed: number, scattered: boolean) {
  const addresses = vmas.flatMap(({ start, ops }, index) =>
    ops === 'special'
      ? []
      : shapes[index]!.present.flatMap((isPresent, page) => (isPresent ? [start + page * PAGE_SIZE] : [])),
  );
  const bytes = new Uint8Array((addresses.length + 1) * PAGE_SIZE + 24);
  const runs = addresses.flatMap((page, index) => {
    const slot = scattered ? addresses.length - index : index;
    const position = slot * PAGE_SIZE + 17;
    const words = new DataView(bytes.buffer, position, PAGE_SIZE);
    for (let offset = 0; offset < PAGE_SIZE; offset += 8)
      words.setFloat64(offset, page + offset + seed / 2 ** 32, true);
    return [page, position, 1];
  });
  return { memory: { runs: Float64Array.from(runs) }, bytes };
}

const fileTableShapes = fc.array(
  fc.array(fc.record({ closeOnExec: fc.boolean(), file: fc.nat() }), { maxLength: 4 }),
  { minLength: 1, maxLength: 2 },
);

const taskShapes = fc.array(
  fc.record({
    comm: text(15),
    ids: fc.array(fc.nat({ max: 2 ** 31 - 1 }), { minLength: 3, maxLength: 3 }),
    state: fc.constantFrom(0, 1, 4),
    codes: fc.tuple(fc.nat(0xffff), fc.integer({ min: -1, max: 64 }), fc.nat(64)),
    words: fc.array(u64, { minLength: 3, maxLength: 3 }),
    registers: fc.uint8Array({ minLength: REGISTERS_SIZE, maxLength: REGISTERS_SIZE }),
    files: fc.option(fc.nat()),
    /** In the thread group that the core is of, or in one of its own. */
    stranger: fc.boolean(),
    zombie: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

const GROUP = 1000;

/**
 * Any tree that an image can hold and more: tasks of one or of several groups that share an address space, which their
 * leader may have left by executing another program.
 */
export const samples: fc.Arbitrary<Sample> = fc
  .record({ memory: mmSamples, tables: fileTableShapes, tasks: taskShapes, leaderExecuted: fc.boolean() })
  .map(({ memory: { mm, files, source }, tables: tableShapes, tasks: shapes, leaderExecuted }) => {
    const tables = tableShapes.map(
      (slots, index): FileTable => ({
        ...{ id: 100 + index, users: 1 },
        descriptors: slots.map(({ closeOnExec, file }, fd) => ({
          fd,
          closeOnExec,
          file: files[file % files.length]!,
        })),
      }),
    );
    const tasks = shapes.map((shape, index): Task<StoredPages> => {
      const [ppid, pgid, sid] = shape.ids as [number, number, number];
      const [exitCode, exitSignal, pdeathSignal] = shape.codes;
      const [setChildTid, clearChildTid, robustList] = shape.words as [bigint, bigint, bigint];
      const pid = GROUP + index;
      const record = {
        ...{ pid, ppid, tgid: shape.stranger && index > 0 ? pid : GROUP, pgid, sid },
        ...{ comm: shape.comm, state: shape.state, exitCode, exitSignal, pdeathSignal },
        ...{ setChildTid, clearChildTid, robustList },
      };
      // Some task must be alive, or there is no core: the last one is.
      if (shape.zombie && index < shapes.length - 1) return { ...record, exitState: EXIT_ZOMBIE };
      const own = leaderExecuted && index === 0 ? { ...mm } : mm;
      const alive = { ...record, exitState: 0, registers: shape.registers, mm: own };
      return shape.files === null ? alive : { ...alive, files: tables[shape.files % tables.length]! };
    });
    return { tree: { rootPid: GROUP, tasks }, source };
  });

/** Any task of a tree that is alive. */
export function anyLiving({ tasks }: TaskTree<StoredPages>, choice: number): Task<StoredPages> {
  const living = tasks.filter(({ mm }) => mm !== undefined);
  return living[choice % living.length]!;
}

/** The tasks of a tree that get into one core. */
export function groupOf({ tasks }: TaskTree<StoredPages>, pid: number): readonly Task<StoredPages>[] {
  const { mm, tgid } = tasks.find((task) => task.pid === pid)!;
  return tasks.filter((task) => (task.mm ?? mm) === mm && task.tgid === tgid);
}

/** Everything that tasks are, with shared objects as their place in the order in which they are first met. */
export function facts(tasks: readonly Task<StoredPages>[]) {
  const places = new Map<object, number>();
  const place = (object: object | undefined) => {
    if (object === undefined) return undefined;
    if (!places.has(object)) places.set(object, places.size);
    return places.get(object);
  };
  const file = (opened: OpenFile | undefined) => opened && { ...opened, id: place(opened), users: 0 };
  const table = (files: FileTable | undefined) =>
    files && {
      id: place(files),
      descriptors: files.descriptors.map((slot) => ({ ...slot, file: file(slot.file) })),
    };
  const space = ({ memory: _, users: __, ...mm }: Mm<StoredPages>) => ({
    ...{ ...mm, id: place(mm), exe: file(mm.exe) },
    vmas: mm.vmas.map((vma) => ({ ...vma, file: file(vma.file) })),
  });
  return tasks.map((task) => ({ ...task, files: table(task.files), mm: task.mm && space(task.mm) }));
}

/** Every page as `[address, contents in hexadecimal]`. */
export async function pageList(memory: StoredPages, source: ByteSource): Promise<[number, string][]> {
  const list: [number, string][] = [];
  for await (const [page, contents] of pagesOf(memory, source))
    list.push([page, Buffer.from(contents).toString('hex')]);
  return list;
}
