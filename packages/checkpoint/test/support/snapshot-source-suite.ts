import { createHash } from 'node:crypto';
import { collect, dumpSequential, newObjectHash, planCheckpoint } from '@ckptree/checkpoint';
import { bytesSource, verifyImage } from '@ckptree/image';
import {
  AT_VECTOR_SIZE,
  type Cut,
  type CutOptions,
  frameBytes,
  type MemorySnapshot,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  REGISTERS_SIZE,
  type SnapshotSource,
  type TaskTree,
} from '@ckptree/model';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PageArray } from '../../dist/page-array.js';
import { PageScan } from '../../dist/page-scan.js';
import { HEAD, MemorySink } from './planned.js';

/** A source with a tree in it. */
export interface OpenedSource {
  readonly source: SnapshotSource;
  readonly rootPid: number;
  /** Lets the tasks run, and write, for a moment. */
  readonly disturb: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A pid that no task has. */
const NOBODY = 2_000_000_000;

/** What everything that calls itself a SnapshotSource has to do: one suite, run by each of them. */
export function snapshotSourceSuite(name: string, open: () => Promise<OpenedSource>): void {
  describe(`${name} as a source of task trees`, () => {
    let opened: OpenedSource;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    /** Takes a cut, lets `use` look at it, and gives it back. */
    async function withCut<T>(use: (cut: Cut) => T | Promise<T>, options?: CutOptions): Promise<T> {
      const cut = await opened.source.cut(opened.rootPid, options);
      try {
        return await use(cut);
      } finally {
        await cut.thaw();
        cut.release();
      }
    }

    test('has the root first, parents and thread group leaders before their tasks, and each pid once', () =>
      withCut(({ tree }) => {
        expect(tree.rootPid).toBe(opened.rootPid);
        expect(tree.tasks[0]?.pid).toBe(opened.rootPid);
        const known = new Set<number>();
        for (const { pid, ppid, tgid } of tree.tasks) {
          expect(known.has(pid)).toBe(false);
          if (known.size > 0) expect(known.has(ppid) || known.has(tgid)).toBe(true);
          known.add(pid);
        }
      }));

    test('gives live tasks registers, files and memory, and zombies none of them', () =>
      withCut(({ tree }) => {
        for (const { exitState, registers, mm, files } of tree.tasks) {
          if (exitState === 0) expect(registers).toHaveLength(REGISTERS_SIZE);
          else expect([registers, mm, files]).toEqual([undefined, undefined, undefined]);
        }
        expect(tree.tasks.some(({ mm }) => mm !== undefined)).toBe(true);
      }));

    test('has as many users for each object as the tree refers to it, or more', () =>
      withCut(({ tree }) => {
        const hash = newObjectHash(() => undefined);
        collect(tree, hash);
        for (const { users, realUsers } of hash.leaks()) expect(realUsers).toBeGreaterThan(users);
      }));

    test('says which objects are the same: one id, one reference', () =>
      withCut(({ tree }) => {
        for (const objects of [mmsOf(tree), tree.tasks.flatMap(({ files }) => files ?? []), filesOf(tree)])
          expect(new Set(objects.map(({ id }) => id)).size).toBe(new Set<object>(objects).size);
      }));

    test('has vmas that ascend, are made of pages, and are as many as the mm says', () =>
      withCut(({ tree }) => {
        for (const { vmas, mapCount, auxv, outstandingAio } of mmsOf(tree)) {
          expect([vmas.length, auxv.length, outstandingAio]).toEqual([mapCount, AT_VECTOR_SIZE, 0]);
          let behind = 0;
          for (const { start, end } of vmas) {
            expect([start % PAGE_SIZE, end % PAGE_SIZE]).toEqual([0, 0]);
            expect(start).toBeGreaterThanOrEqual(behind);
            expect(end).toBeGreaterThan(start);
            behind = end;
          }
        }
      }));

    test('has leaves that ascend, in arenas that threads share', () =>
      withCut(({ tree }) => {
        for (const { memory } of mmsOf(tree)) {
          for (const arena of memory.arenas) expect(arena).toBeInstanceOf(SharedArrayBuffer);
          for (let pair = 2; pair < memory.leaves.length; pair += 2)
            expect(memory.leaves[pair]!).toBeGreaterThan(memory.leaves[pair - 2]!);
        }
        expect(mmsOf(tree).reduce((sum, mm) => sum + digestOf(mm).pages, 0)).toBeGreaterThan(0);
      }));

    test('gives a snapshot that does not change while the tasks run', () =>
      withCut(async ({ tree }) => {
        const before = mmsOf(tree).map(digestOf);
        await opened.disturb();
        expect(mmsOf(tree).map(digestOf)).toEqual(before);
      }));

    test('says how long the tasks stood still, unless they were left frozen', async () => {
      await withCut(({ timing: { freezeUs, snapshotUs, downtimeUs } }) => {
        for (const time of [freezeUs, snapshotUs, downtimeUs]) expect(time).toBeGreaterThan(0);
      });
      await withCut(({ timing }) => expect(timing.downtimeUs).toBeUndefined(), { leaveFrozen: true });
    });

    test('takes its snapshots back one by one, then the rest, and does not mind being told twice', () =>
      withCut((cut) => {
        const [first] = mmsOf(cut.tree);
        if (first !== undefined) cut.releaseMm(first);
        cut.release();
        cut.release();
      }));

    test('refuses a task that is not there with ESRCH', async () => {
      await expect(opened.source.cut(NOBODY)).rejects.toMatchObject({ code: 'ESRCH' });
    });

    test('gives what becomes a valid image, and the same image again from the same cut', () =>
      withCut(async ({ tree }) => {
        const [one, other] = [await imageOfCut(tree), await imageOfCut(tree)];
        expect((await verifyImage(bytesSource(one))).findings).toEqual([]);
        expect(Buffer.compare(one, other)).toBe(0);
      }));
  });
}

const mmsOf = ({ tasks }: TaskTree): Mm[] => [...new Set(tasks.flatMap(({ mm }) => mm ?? []))];

const filesOf = (tree: TaskTree): OpenFile[] => [
  ...tree.tasks.flatMap(({ files }) => files?.descriptors.map(({ file }) => file) ?? []),
  ...mmsOf(tree).flatMap(({ exe, vmas }) =>
    [exe, ...vmas.map(({ file }) => file)].flatMap((file) => file ?? []),
  ),
];

/** How many pages an address space has to save, and what is in them. */
function digestOf({ vmas, memory }: Mm): { pages: number; digest: string } {
  const hash = createHash('sha256');
  let pages = 0;
  for (const { start, end } of vmas) pages += digestRange(memory, start, end, (bytes) => hash.update(bytes));
  return { pages, digest: hash.digest('hex') };
}

function digestRange(
  memory: MemorySnapshot,
  start: number,
  end: number,
  take: (bytes: Uint8Array) => void,
): number {
  const scan = new PageScan(memory, start, end);
  const array = new PageArray();
  let pages = 0;
  for (; scan.fill(array) > 0; array.clear()) {
    take(array.addressBytes());
    for (const frame of array.frames.subarray(0, array.used)) take(frameBytes(memory.arenas, frame, 1));
    pages += array.used;
  }
  return pages;
}

async function imageOfCut(tree: TaskTree): Promise<Uint8Array> {
  const hash = newObjectHash(() => undefined);
  collect(tree, hash);
  const sink = new MemorySink();
  await dumpSequential(planCheckpoint(tree, hash, { head: HEAD }), sink);
  return sink.bytes();
}
