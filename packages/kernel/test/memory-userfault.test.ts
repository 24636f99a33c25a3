import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CkptError, errorToData } from '@ckptree/errors';
import { PAGE_SIZE, PTE_DIRTY, PTE_FRAME_SHIFT } from '@ckptree/model';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AddressSpace } from '../dist/memory/address-space.js';
import { PageTable } from '../dist/memory/page-table.js';
import { digestOf, emptySpace, type Machine, MIB, machine } from './memory-fixture.js';

const A = 0x10_0000_0000 - 8 * PAGE_SIZE;
const PAGES = 24;
const RW = { read: true, write: true };

let resources: Machine;
let worker: Worker;

beforeEach(() => {
  resources = machine(4 * MIB);
  worker = new Worker(new URL('./memory-userfault.worker.mjs', import.meta.url), {
    workerData: { handle: resources.memory.handle },
  });
});

afterEach(async () => {
  await worker.terminate();
});

const frames = (count: number) => Array.from({ length: count }, () => resources.memory.allocate());

/** What the other thread says when it has done this. */
async function answer(message: object): Promise<unknown> {
  worker.postMessage(message);
  return (await once(worker, 'message'))[0];
}

describe('a frame whose contents are missing', () => {
  test('is so from its registration until it is resolved', () => {
    const { userfault } = resources.memory;
    const [first, second] = frames(2) as [number, number];
    expect(userfault.anyMissing).toBe(false);
    const unit = userfault.newUnits(2);
    userfault.register(first, 1, unit);
    expect([first, second].map((frame) => userfault.isMissing(frame))).toEqual([true, false]);
    userfault.resolve(first, 1);
    expect(userfault.isMissing(first)).toBe(false);
    expect(userfault.anyMissing).toBe(false);
  });

  test('has units that no other has', () => {
    const { userfault } = resources.memory;
    const first = userfault.newUnits(10);
    expect(userfault.newUnits(1)).toBe(first + 10);
  });

  test('is waited for, and asked for by its unit', async () => {
    const { memory } = resources;
    const [frame] = frames(1) as [number];
    const unit = memory.userfault.newUnits(5);
    memory.userfault.register(frame, 1, unit + 3);
    const touched = answer({ role: 'touch', frames: [frame] });
    while ([...memory.userfault.requests()].length === 0) await sleep(1);
    expect([...memory.userfault.requests()]).toEqual([unit + 3]);
    memory.view(frame)[0] = 77;
    memory.userfault.resolve(frame, 1);
    expect(await touched).toEqual([77]);
    expect([...memory.userfault.requests()]).toEqual([]);
  });

  test('that cannot be had fails whoever waits for it, and who comes later, with the reason', async () => {
    const { userfault } = resources.memory;
    const [waited, later] = frames(2) as [number, number];
    userfault.register(waited, 1, userfault.newUnits(1));
    const touched = answer({ role: 'touch', frames: [waited, later] });
    while ([...userfault.requests()].length === 0) await sleep(1);
    const reason = new CkptError('EIO', 'chunk ä is damaged', { path: 'packs/p', position: 5 });
    userfault.register(later, 1, userfault.newUnits(1));
    const record = userfault.record(errorToData(reason));
    userfault.poison(later, 1, record);
    userfault.poison(waited, 1, record);
    const { code, message, fields } = reason;
    expect(await touched).toEqual([
      { code, message, fields },
      { code, message, fields },
    ]);
    expect(userfault.isMissing(waited)).toBe(true);
  });

  test('keeps a reason that is very long short, and some of very many', async () => {
    const { userfault } = resources.memory;
    const all = frames(40);
    for (const [index, frame] of all.entries()) {
      userfault.register(frame, 1, userfault.newUnits(1));
      const error = new CkptError('EIO', `reason ${index} ${'x'.repeat(5000)}`);
      userfault.poison(frame, 1, userfault.record(errorToData(error)));
    }
    const seen = (await answer({ role: 'touch', frames: all })) as { message: string }[];
    expect(seen[0]!.message).toMatch(/^reason 0 x{100}/);
    expect(seen[15]!.message).toMatch(/^reason 15 x{100}/);
    expect(seen[39]!.message).toMatch(/so many others/);
    expect(Math.max(...seen.map(({ message }) => message.length))).toBeLessThan(1000);
  });

  test('keeps reasons apart that take most room: each character of them six bytes', async () => {
    const { userfault } = resources.memory;
    const all = frames(16);
    const reasons = all.map((_, index) => `reason ${index} ${'\u0001'.repeat(500)}`);
    for (const [index, frame] of all.entries()) {
      userfault.register(frame, 1, userfault.newUnits(1));
      userfault.poison(frame, 1, userfault.record({ code: 'EIO', message: reasons[index]!, fields: {} }));
    }
    const seen = (await answer({ role: 'touch', frames: all })) as { message: string }[];
    for (const [index, { message }] of seen.entries()) {
      expect(message.length).toBeGreaterThan(100);
      expect(reasons[index]!.startsWith(message)).toBe(true);
    }
  });

  test('has its own reason, also when one reason before it kept away very many', async () => {
    const { userfault } = resources.memory;
    const all = frames(40);
    for (const [index, frame] of all.entries()) {
      userfault.register(frame, 1, userfault.newUnits(1));
      const error = new CkptError('EIO', index < 39 ? 'the disk is gone' : 'chunk 12 is damaged');
      userfault.poison(frame, 1, userfault.record(errorToData(error)));
    }
    const seen = (await answer({ role: 'touch', frames: all })) as { message: string }[];
    expect([seen[0]!.message, seen[38]!.message, seen[39]!.message]).toEqual([
      'the disk is gone',
      'the disk is gone',
      'chunk 12 is damaged',
    ]);
  });

  test('is seen with its contents by each of many threads at once, whatever the order', async () => {
    const { memory } = resources;
    const all = frames(200);
    const first = memory.userfault.newUnits(all.length);
    for (const [index, frame] of all.entries()) memory.userfault.register(frame, 1, first + index);
    const others = Array.from(
      { length: 3 },
      () =>
        new Worker(new URL('./memory-userfault.worker.mjs', import.meta.url), {
          workerData: { handle: memory.handle },
        }),
    );
    const seen = others.map(async (other, index) => {
      other.postMessage({ role: 'touch', frames: index === 0 ? all : all.toReversed() });
      return (await once(other, 'message'))[0] as number[];
    });
    for (const frame of all) memory.grab(frame);
    const contents = all.map((_, index) => new Uint8Array(PAGE_SIZE).fill(index + 1));
    await answer({ role: 'bring', first, frames: all, contents, restMs: 1 });
    const expected = all.map((_, index) => (index + 1) & 0xff);
    expect(await Promise.all(seen)).toEqual([expected, expected.toReversed(), expected.toReversed()]);
    await Promise.all(others.map((other) => other.terminate()));
  });
});

type Operation =
  | { readonly kind: 'write' | 'read'; readonly page: number; readonly value: number }
  | { readonly kind: 'fork'; readonly page: number; readonly value: number }
  | { readonly kind: 'unmap'; readonly page: number; readonly count: number }
  | { readonly kind: 'digest' };

const page = fc.nat(PAGES - 1);
const value = fc.integer({ min: 1, max: 255 });
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('write' as const, 'read' as const), page, value }),
    fc.record({ kind: fc.constant('fork' as const), page, value }),
    fc.record({ kind: fc.constant('unmap' as const), page, count: fc.integer({ min: 1, max: 4 }) }),
    fc.constant({ kind: 'digest' as const }),
  ),
  { maxLength: 20 },
);

/** What a task would see of it. */
function perform(space: AddressSpace, operation: Operation): unknown {
  if (operation.kind === 'digest') return digestOf(space);
  const address = A + operation.page * PAGE_SIZE;
  const attempt = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return (error as CkptError).code;
    }
  };
  switch (operation.kind) {
    case 'read':
      return attempt(() => space.mem.u8(address + operation.value));
    case 'write':
      return attempt(() => space.mem.setU8(address + operation.value, operation.value));
    case 'unmap':
      return space.munmap(address, operation.count * PAGE_SIZE);
    case 'fork': {
      const child = space.fork(space.id + 1);
      const seen = attempt(() => child.mem.setU8(address, operation.value)) ?? digestOf(child);
      child.destroy();
      return seen;
    }
  }
}

/** An address space with some pages written. */
function filled(written: readonly number[]): AddressSpace {
  const space = emptySpace(resources);
  space.mmap({ address: A, length: PAGES * PAGE_SIZE, protection: RW });
  for (const at of written) space.mem.fill(A + at * PAGE_SIZE, at + 1, PAGE_SIZE);
  return space;
}

/** The same with the contents of its pages taken away, for the other thread to bring. */
function emptied(space: AddressSpace, restMs: number): AddressSpace {
  const { memory } = resources;
  const description = space.describe();
  const taken: number[] = [];
  const table = new PageTable(memory, description.leaves);
  table.forEachPresent(0, 2 ** 35, (_, entry) => {
    if ((entry & PTE_DIRTY) !== 0) taken.push(entry >>> PTE_FRAME_SHIFT);
  });
  const contents = taken.map((frame) => memory.view(frame).slice());
  const first = memory.userfault.newUnits(taken.length);
  taken.forEach((frame, index) => {
    memory.grab(frame);
    memory.userfault.register(frame, 1, first + index);
    memory.view(frame).fill(0xee);
  });
  worker.postMessage({ role: 'bring', first, frames: taken, contents, restMs });
  return AddressSpace.fromDescription(resources, description);
}

test('an address space whose pages come late does not differ from one that has them', async () => {
  const law = fc.asyncProperty(
    fc.uniqueArray(page),
    operations,
    fc.constantFrom(0.1, 1, 5),
    async (written, todo, restMs) => {
      const whole = filled(written);
      const lazy = emptied(filled(written), restMs);
      const brought = once(worker, 'message');
      for (const operation of todo) expect(perform(lazy, operation)).toEqual(perform(whole, operation));
      expect(digestOf(lazy)).toBe(digestOf(whole));
      lazy.destroy();
      whole.destroy();
      await brought;
      resources.memory.releaseBlocks();
      expect(resources.memory.stats().used).toBe(0);
      expect(resources.memory.userfault.anyMissing).toBe(false);
    },
  );
  await fc.assert(law, { numRuns: 60 });
});
