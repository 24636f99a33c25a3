import { MAX_EPOCH, type MemoryVersions, PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AddressSpace, emptyDescription, type MmSnapshot } from '../dist/memory/address-space.js';
import { restoredHistory } from '../dist/memory/mm-history.js';
import { PageTable } from '../dist/memory/page-table.js';
import {
  dirtyPages,
  emptySpace,
  keptSince,
  type Machine,
  MIB,
  machine,
  VersionLog,
} from './memory-fixture.js';

/** Two leaves, of which the second begins behind page 8. */
const BASE = 0x40_0000_0000 - 8 * PAGE_SIZE;
const PAGES = 16;
const READ_WRITE = { read: true, write: true };

const addressOf = (page: number): number => BASE + page * PAGE_SIZE;

function map(space: AddressSpace, page = 0, pages = PAGES): void {
  space.mmap({ address: addressOf(page), length: pages * PAGE_SIZE, protection: READ_WRITE });
}

const last = ({ history }: MmSnapshot): MemoryVersions => history[0]!;

/** The pages of a space that count as written since an epoch. */
function writtenSince({ memory }: Machine, space: AddressSpace, epoch: number): number[] {
  const { leaves } = space.snapshot();
  const isKept = keptSince(memory, leaves, epoch);
  const pages = [...dirtyPages(memory, leaves).keys()].map((page) => page - BASE / PAGE_SIZE);
  PageTable.release(memory, leaves);
  return pages.filter((page) => !isKept(page + BASE / PAGE_SIZE));
}

describe('the history of an address space', () => {
  const resources = machine(4 * MIB);

  test('goes on behind the version that it is restored from, as far as epochs reach', () => {
    const saved = (epoch: number) => [{ incarnation: 'a'.repeat(32), first: epoch, last: epoch }];
    expect(restoredHistory(saved(7))).toMatchObject({ epoch: 8, ancestors: saved(7) });
    for (const none of [undefined, saved(MAX_EPOCH - 1), saved(2 ** 32 - 1)])
      expect(restoredHistory(none)).toMatchObject({ epoch: 1, ancestors: [] });
    expect(restoredHistory(saved(7)).incarnation).not.toBe(restoredHistory(saved(7)).incarnation);
  });

  test('tells pages that were written since a snapshot from those that were not', () => {
    const space = emptySpace(resources);
    map(space);
    space.mem.fill(BASE, 1, PAGES * PAGE_SIZE);
    const first = last(space.snapshot());
    space.mem.setU8(addressOf(3), 7);
    space.mem.setU8(addressOf(9), 7);
    const second = last(space.snapshot());
    space.mem.setU8(addressOf(9), 8);
    space.mem.u8(addressOf(11));
    expect(writtenSince(resources, space, first.last)).toEqual([3, 9]);
    expect(writtenSince(resources, space, second.last)).toEqual([9]);
    expect(second.incarnation).toBe(first.incarnation);
  });

  test('has one version for as long as nothing is written', () => {
    const space = emptySpace(resources);
    map(space);
    space.mem.fill(BASE, 1, PAGE_SIZE);
    const first = last(space.snapshot());
    space.mem.u8(addressOf(5));
    expect(last(space.snapshot())).toEqual(first);
    // The whole leaf.
    space.munmap(addressOf(8) - 2 * MIB, 2 * MIB);
    expect(last(space.snapshot())).toEqual({ ...first, last: first.last + 1 });
    map(space, 0, 1);
    expect(last(space.snapshot()).last).toBe(first.last + 1);
  });

  test('goes on in a child up to the fork, and is its own from there', () => {
    const parent = emptySpace(resources);
    map(parent);
    parent.mem.fill(BASE, 1, PAGES * PAGE_SIZE);
    const before = last(parent.snapshot());
    parent.mem.setU8(addressOf(1), 2);
    const child = parent.fork(2);
    child.mem.setU8(addressOf(2), 2);
    parent.mem.setU8(addressOf(3), 2);
    expect(writtenSince(resources, child, before.last)).toEqual([1, 2]);
    const [own, inherited, ...more] = child.snapshot().history;
    expect(own!.incarnation).not.toBe(before.incarnation);
    expect(inherited).toEqual(before);
    expect(more).toEqual([]);
  });

  test('moves with it, and ends with its program', () => {
    const space = emptySpace(resources);
    map(space);
    space.mem.fill(BASE, 1, PAGES * PAGE_SIZE);
    const before = last(space.snapshot());
    const moved = AddressSpace.fromDescription(resources, structuredClone(space.describe()));
    moved.mem.setU8(addressOf(4), 2);
    expect(writtenSince(resources, moved, before.last)).toEqual([4]);
    expect(last(moved.snapshot()).incarnation).toBe(before.incarnation);
    expect(last(emptySpace(resources).snapshot()).incarnation).not.toBe(before.incarnation);
  });

  test('stays right over more snapshots than a stamp can count', () => {
    const space = emptySpace(resources);
    map(space);
    space.mem.fill(BASE, 1, PAGES * PAGE_SIZE);
    let before = last(space.snapshot());
    for (let snapshots = 0; snapshots < 70_000; snapshots++) {
      space.mem.setU8(addressOf(snapshots % 3), snapshots);
      const snapshot = space.snapshot();
      PageTable.release(resources.memory, snapshot.leaves);
      before = last(snapshot);
    }
    space.mem.setU8(addressOf(12), 1);
    expect(writtenSince(resources, space, before.last)).toEqual([12]);
  });

  test('is not told of when the epochs are used up', () => {
    const { history, ...description } = emptyDescription(1);
    const epoch = 2 ** 31 - 2;
    const space = AddressSpace.fromDescription(resources, { ...description, history: { ...history, epoch } });
    map(space);
    for (let snapshots = 0; snapshots < 3; snapshots++) {
      space.mem.setU8(addressOf(1), snapshots);
      expect(space.snapshot().history).toEqual([]);
    }
  });
});

describe('what counts as unchanged since a version is as it was then', () => {
  type Step = (space: AddressSpace) => void;
  const page = fc.nat(PAGES - 1);
  const range = fc.tuple(page, fc.integer({ min: 1, max: PAGES }));
  const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
    {
      weight: 6,
      arbitrary: fc.tuple(page, fc.integer({ min: 1, max: 3 })).map(
        ([at, value]) =>
          (space) =>
            space.mem.setU8(addressOf(at), value),
      ),
    },
    { weight: 2, arbitrary: page.map((at) => (space) => void space.mem.u8(addressOf(at))) },
    // Mapped again at once, so that a read finds it; what was written there is gone.
    {
      weight: 3,
      arbitrary: range.map(
        ([first, pages]) =>
          (space) =>
            map(space, first, pages),
      ),
    },
  );

  test('whatever is written, read, unmapped and mapped again', () => {
    const resources = machine(4 * MIB);
    const run = fc.record({ fork: fc.boolean(), steps: fc.array(step, { maxLength: 4 }) });
    const property = fc.property(fc.array(run, { minLength: 2, maxLength: 6 }), (runs) => {
      let space = emptySpace(resources);
      map(space);
      const versions = new VersionLog();
      for (const { fork, steps } of runs) {
        for (const act of steps) act(space);
        if (fork) {
          const child = space.fork(2);
          space.destroy();
          space = child;
        }
        const snapshot = space.snapshot();
        versions.check(resources.memory, snapshot, dirtyPages(resources.memory, snapshot.leaves));
        PageTable.release(resources.memory, snapshot.leaves);
      }
      space.destroy();
    });
    fc.assert(property, { numRuns: 500 });
  });
});
