import { PAGE_SIZE, VM } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AddressSpace } from '../dist/memory/address-space.js';
import { PageTable } from '../dist/memory/page-table.js';
import { pageProtection } from '../dist/memory/vm-area.js';
import {
  digestOf,
  dirtyPages,
  emptySpace,
  failure,
  fileByte,
  fileObject,
  type Machine,
  MIB,
  machine,
  pageFilledWith,
  VersionLog,
} from './memory-fixture.js';

/** The pages that the test plays with lie on both sides of a leaf's end; the heap is far away. */
const PAGES = 40;
const BASE = 0x40_0000_0000 - 20 * PAGE_SIZE;
const HEAP = 0x10_0000_0000;
const HEAP_PAGES = 6;
const FILES = [fileObject(1), fileObject(2)];

const addressOf = (page: number): number => BASE + page * PAGE_SIZE;

/** What a page is, told as simply as possible. */
interface ModelPage {
  readonly flags: number;
  readonly file: number | undefined;
  readonly pgoff: number;
  readonly bytes: Uint8Array;
  readonly dirty: boolean;
}

/** An address space as a map from address to page: no frames, no sharing, no vmas. */
class ModelSpace {
  readonly pages: Map<number, ModelPage>;
  brk = HEAP;

  constructor(pages = new Map<number, ModelPage>()) {
    this.pages = pages;
  }

  copy(): ModelSpace {
    const pages = [...this.pages].map(([at, page]) => [at, { ...page, bytes: page.bytes.slice() }] as const);
    const copy = new ModelSpace(new Map(pages));
    copy.brk = this.brk;
    return copy;
  }

  map(start: number, count: number, flags: number, file?: number, pgoff = 0): void {
    for (let index = 0; index < count; index++) {
      const at = start + index * PAGE_SIZE;
      const offset = file === undefined ? at / PAGE_SIZE : pgoff + index;
      const bytes = pageFilledWith(file === undefined ? 0 : fileByte(FILES[file]!, offset));
      this.pages.set(at, { flags, file, pgoff: offset, bytes, dirty: false });
    }
  }

  unmap(start: number, count: number): void {
    for (let index = 0; index < count; index++) this.pages.delete(start + index * PAGE_SIZE);
  }

  range(start: number, count: number): (ModelPage | undefined)[] {
    return Array.from({ length: count }, (_, index) => this.pages.get(start + index * PAGE_SIZE));
  }

  sorted(): [number, ModelPage][] {
    return [...this.pages].sort(([a], [b]) => a - b);
  }

  /** Ranges that nothing tells apart, as the real list of vmas must have them. */
  vmas(): object[] {
    const vmas: { start: number; end: number; flags: number; pgoff: number; path: string | undefined }[] = [];
    for (const [at, { flags, file, pgoff }] of this.sorted()) {
      const path = file === undefined ? undefined : FILES[file]!.path;
      const last = vmas.at(-1);
      const goesOn =
        last !== undefined &&
        last.end === at &&
        last.flags === flags &&
        last.path === path &&
        last.pgoff + (at - last.start) / PAGE_SIZE === pgoff;
      if (goesOn) last.end = at + PAGE_SIZE;
      else vmas.push({ start: at, end: at + PAGE_SIZE, flags, pgoff, path });
    }
    return vmas;
  }

  dirty(): Map<number, Uint8Array> {
    const dirty = this.sorted().filter(([, page]) => page.dirty);
    return new Map(dirty.map(([at, page]) => [at / PAGE_SIZE, page.bytes.slice()]));
  }
}

interface Pair {
  real: AddressSpace;
  readonly model: ModelSpace;
}

interface Snapshot {
  readonly leaves: Int32Array;
  readonly contents: Map<number, Uint8Array>;
}

/** The system under test beside its model. */
class World {
  readonly machine: Machine = machine(4 * MIB);
  readonly spaces: Pair[] = [];
  readonly snapshots: Snapshot[] = [];
  readonly #versions = new VersionLog();
  #nextId = 1;

  constructor() {
    const real = emptySpace(this.machine, this.#nextId++);
    real.setLayout({ startBrk: HEAP, brk: HEAP });
    this.spaces.push({ real, model: new ModelSpace() });
  }

  fork({ real, model }: Pair): void {
    this.spaces.push({ real: real.fork(this.#nextId++), model: model.copy() });
  }

  snapshot({ real, model }: Pair): void {
    const { leaves, history } = real.snapshot();
    const contents = model.dirty();
    this.#versions.check(this.machine.memory, { leaves, history }, contents);
    this.snapshots.push({ leaves, contents });
  }

  release(snapshot: Snapshot): void {
    const found = dirtyPages(this.machine.memory, snapshot.leaves);
    expect([...found.keys()]).toEqual([...snapshot.contents.keys()]);
    for (const [page, bytes] of found) expectBytes(bytes, snapshot.contents.get(page)!);
    PageTable.release(this.machine.memory, snapshot.leaves);
    this.snapshots.splice(this.snapshots.indexOf(snapshot), 1);
  }

  destroy(pair: Pair): void {
    pair.real.destroy();
    this.spaces.splice(this.spaces.indexOf(pair), 1);
  }

  check(): void {
    for (const pair of this.spaces) checkSpace(pair);
    for (const snapshot of [...this.snapshots]) this.release(snapshot);
    for (const pair of [...this.spaces]) this.destroy(pair);
    expect(this.machine.memory.stats().used).toBe(0);
    expect(this.machine.counts.references).toBe(0);
  }
}

/** As toEqual(), which looks at one byte after the other; only what differs is left to it. */
function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) expect([...found]).toEqual([...expected]);
}

function checkSpace({ real, model }: Pair): void {
  const vmas = real.vmas.map(({ start, end, flags, pgoff, file }) => ({
    start,
    end,
    flags,
    pgoff,
    path: file?.path,
  }));
  expect(vmas).toEqual(model.vmas());
  for (const { flags, pageProt } of real.vmas) expect(pageProt).toBe(pageProtection(flags));
  for (const [at, page] of model.sorted()) {
    if ((page.flags & (VM.READ | VM.WRITE | VM.EXEC)) !== 0)
      expectBytes(real.mem.read(at, PAGE_SIZE), page.bytes);
    else expect(failure(() => real.mem.u8(at)).code).toBe('EFAULT');
  }
}

type Step = (world: World, pair: Pair) => void;

const MAY = VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;
const charged = (flags: number): number => flags | ((flags & VM.WRITE) === 0 ? 0 : VM.ACCOUNT);
const vmBits = ({ read, write, exec }: { read: boolean; write: boolean; exec: boolean }): number =>
  (read ? VM.READ : 0) | (write ? VM.WRITE : 0) | (exec ? VM.EXEC : 0);

const protection = fc.record({ read: fc.boolean(), write: fc.boolean(), exec: fc.boolean() });
const readWrite = fc.constant({ read: true, write: true, exec: false });
const range = fc
  .tuple(fc.nat(PAGES - 1), fc.integer({ min: 1, max: 12 }))
  .map(([first, count]) => ({ start: addressOf(first), count }));

const mmapStep = fc
  .tuple(
    range,
    fc.oneof({ weight: 3, arbitrary: readWrite }, protection),
    fc.option(fc.nat(FILES.length - 1)),
    fc.nat(3),
  )
  .map(
    ([{ start, count }, prot, which, pgoff]): Step =>
      (_, { real, model }) => {
        const options = { address: start, length: count * PAGE_SIZE, protection: prot };
        real.mmap(which === null ? options : { ...options, file: FILES[which]!, pgoff });
        const flags = charged(vmBits(prot) | MAY | (which === null ? 0 : VM.CAN_NONLINEAR));
        model.map(start, count, flags, which ?? undefined, pgoff);
      },
  );

const munmapStep = range.map(
  ({ start, count }): Step =>
    (_, { real, model }) => {
      real.munmap(start, count * PAGE_SIZE);
      model.unmap(start, count);
    },
);

const mprotectStep = fc.tuple(range, protection).map(
  ([{ start, count }, prot]): Step =>
    (_, { real, model }) => {
      const change = () => real.mprotect(start, count * PAGE_SIZE, prot);
      const pages = model.range(start, count);
      if (pages.includes(undefined)) {
        expect(failure(change).code).toBe('ENOMEM');
        return;
      }
      change();
      pages.forEach((page, index) => {
        const flags = charged((page!.flags & ~(VM.READ | VM.WRITE | VM.EXEC)) | vmBits(prot));
        model.pages.set(start + index * PAGE_SIZE, { ...page!, flags });
      });
    },
);

const writeStep = fc
  .tuple(
    fc.boolean(),
    fc.nat(PAGES - 1),
    fc.nat(PAGE_SIZE - 1),
    fc.uint8Array({ minLength: 1, maxLength: 5 }),
  )
  .map(
    ([heap, page, offset, bytes]): Step =>
      (_, { real, model }) => {
        const at = (heap ? HEAP + (page % HEAP_PAGES) * PAGE_SIZE : addressOf(page)) + offset;
        for (const [index, value] of bytes.entries()) {
          const inPage = (at + index) % PAGE_SIZE;
          const start = at + index - inPage;
          const target = model.pages.get(start);
          if (target === undefined || (target.flags & VM.WRITE) === 0) {
            expect(failure(() => real.mem.write(at, bytes)).code).toBe('EFAULT');
            return;
          }
          target.bytes[inPage] = value;
          model.pages.set(start, { ...target, dirty: true });
        }
        real.mem.write(at, bytes);
      },
  );

const readStep = range.map(
  ({ start, count }): Step =>
    (_, { real, model }) => {
      const pages = model.range(start, count);
      const read = () => real.mem.read(start, count * PAGE_SIZE);
      const readable = pages.every(
        (page) => page !== undefined && (page.flags & (VM.READ | VM.WRITE | VM.EXEC)) !== 0,
      );
      if (readable) expectBytes(read(), Buffer.concat(pages.map((page) => page!.bytes)));
      else expect(failure(read).code).toBe('EFAULT');
    },
);

const brkStep = fc.nat(HEAP_PAGES * PAGE_SIZE).map(
  (size): Step =>
    (_, { real, model }) => {
      real.brk(HEAP + size);
      const pages = (address: number) => Math.ceil((address - HEAP) / PAGE_SIZE);
      const [before, after] = [pages(model.brk), pages(HEAP + size)];
      const flags = VM.READ | VM.WRITE | MAY | VM.ACCOUNT;
      if (after > before) model.map(HEAP + before * PAGE_SIZE, after - before, flags);
      else model.unmap(HEAP + after * PAGE_SIZE, before - after);
      model.brk = HEAP + size;
    },
);

const worldStep = fc
  .constantFrom('fork', 'snapshot', 'release', 'destroy', 'move', 'digest')
  .chain((kind) => fc.nat(100).map((pick) => ({ kind, pick })))
  .map(
    ({ kind, pick }): Step =>
      (world, pair) => {
        const snapshot = world.snapshots[pick % Math.max(world.snapshots.length, 1)];
        if (kind === 'fork' && world.spaces.length < 6) world.fork(pair);
        if (kind === 'snapshot' && world.snapshots.length < 6) world.snapshot(pair);
        if (kind === 'release' && snapshot !== undefined) world.release(snapshot);
        if (kind === 'destroy' && world.spaces.length > 1) world.destroy(pair);
        if (kind === 'move')
          pair.real = AddressSpace.fromDescription(world.machine, structuredClone(pair.real.describe()));
        if (kind === 'digest') {
          const copy = pair.real.fork(0);
          expect(digestOf(copy)).toBe(digestOf(pair.real));
          copy.destroy();
        }
      },
  );

const step = fc.oneof(
  { weight: 3, arbitrary: mmapStep },
  { weight: 2, arbitrary: munmapStep },
  { weight: 2, arbitrary: mprotectStep },
  { weight: 8, arbitrary: writeStep },
  { weight: 2, arbitrary: readStep },
  { weight: 1, arbitrary: brkStep },
  { weight: 4, arbitrary: worldStep },
);

describe('address spaces', () => {
  test('hold what a map from address to byte would, whatever is mapped, forked, snapshot and dropped', () => {
    const steps = fc.array(fc.tuple(fc.nat(100), step), { maxLength: 80, size: 'max' });
    const property = fc.property(steps, (sequence) => {
      const world = new World();
      for (const [pick, act] of sequence) act(world, world.spaces[pick % world.spaces.length]!);
      world.check();
    });
    fc.assert(property, { numRuns: 100 });
  });
});
