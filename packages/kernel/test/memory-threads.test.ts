import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { LEAF_SHIFT, PAGE_SIZE } from '@ckptree/model';
import { afterEach, expect, test } from '@jest/globals';
import type { AddressSpace } from '../dist/memory/address-space.js';
import type { PhysicalMemory } from '../dist/memory/physical-memory.js';
import { dirtyPages, emptySpace, MIB, machine } from './memory-fixture.js';

const workers: Worker[] = [];
const start = (workerData: object): Worker => {
  const worker = new Worker(new URL('./memory-race.worker.mjs', import.meta.url), { workerData });
  workers.push(worker);
  return worker;
};

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/** A word for each step that threads take together. */
const gates = (): SharedArrayBuffer => new SharedArrayBuffer(STEPS * Int32Array.BYTES_PER_ELEMENT);

const A = 0x10_0000_0000;
const LEAF_SIZE = 2 ** LEAF_SHIFT;
const STEPS = 300;
const PAGES = 1200;

/** What the reading thread computes: page numbers with contents. */
function hashOf(memory: PhysicalMemory, leaves: Int32Array): string {
  const hash = createHash('sha256');
  for (const [page, bytes] of dirtyPages(memory, leaves)) hash.update(String(page)).update(bytes);
  return hash.digest('hex');
}

/** A deterministic stream of writes all over the mapping. */
function* writes(space: AddressSpace): Generator<void> {
  for (let state = 1; ; ) {
    for (let count = 0; count < 100; count++) {
      state = (state * 48_271) % 0x7fff_ffff;
      space.mem.setU32(A + (state % PAGES) * PAGE_SIZE + ((state >>> 8) % 1024) * 4, state);
    }
    yield;
  }
}

test('a snapshot does not change while its owner writes and forks and another thread reads and drops it', async () => {
  const resources = machine(64 * MIB);
  const { memory } = resources;
  const space = emptySpace(resources);
  space.mmap({ address: A, length: PAGES * PAGE_SIZE, protection: { read: true, write: true } });
  const reader = start({ role: 'readSnapshots', handle: memory.handle });
  const answers: { same: boolean }[] = [];
  reader.on('message', (answer) => answers.push(answer));

  const writing = writes(space);
  const children: AddressSpace[] = [];
  const SNAPSHOTS = 25;
  for (let sent = 0; sent < SNAPSHOTS; sent++) {
    const leaves = space.snapshot().leaves;
    reader.postMessage({ leaves, expected: hashOf(memory, leaves) });
    children.push(space.fork(sent + 2));
    // Some of each: writes of parent and child, with the reader at work on one of the last few snapshots.
    for (let count = 0; count < 5; count++) writing.next();
    writes(children.at(-1)!).next();
    if (children.length > 3) children.shift()!.destroy();
    while (answers.length < sent - 3) {
      writing.next();
      await setImmediate();
    }
  }
  while (answers.length < SNAPSHOTS) await setImmediate();

  expect(answers).toEqual(answers.map(() => ({ same: true })));
  for (const child of children) child.destroy();
  space.destroy();
  expect(memory.stats().used).toBe(0);
});

test('no frame is given out twice, however threads race for the last blocks', async () => {
  const { memory } = machine(8 * MIB);
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const shared = { role: 'allocate', handle: memory.handle, rounds: 60, atOnce: 500, start: gate.buffer };
  const racers = [1, 2, 3].map((mark) => start({ ...shared, mark }));
  await Promise.all(racers.map((racer) => once(racer, 'online')));
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  const results = await Promise.all(racers.map(async (racer) => (await once(racer, 'message'))[0]));

  expect(results.map(({ stolen }) => stolen)).toEqual([0, 0, 0]);
  const held: number[] = results.flatMap((result) => result.held);
  expect(new Set(held).size).toBe(held.length);
  expect(memory.stats().used).toBe(held.length);
  for (const frame of held) memory.drop(frame);
  expect(memory.stats().used).toBe(0);
});

test.each([
  ['release', 'release'],
  ['release', 'unshare'],
  ['unshare', 'unshare'],
])('the last reference to a leaf is dropped once: %s against %s', async (...roles) => {
  const resources = machine(64 * MIB);
  const { memory } = resources;
  const space = emptySpace(resources);
  space.mmap({ address: A, length: STEPS * LEAF_SIZE, protection: { read: true, write: true } });
  for (let leaf = 0; leaf < STEPS; leaf++) space.mem.setU8(A + leaf * LEAF_SIZE, 1);
  const shared = { handle: memory.handle, gates: gates(), parties: roles.length };
  const racers = roles.map((role) => start({ ...shared, role, leaves: space.snapshot().leaves }));
  space.destroy();
  memory.releaseBlocks();
  await Promise.all(racers.map((racer) => once(racer, 'message')));
  expect(memory.stats().used).toBe(0);
});

test('a block has one owner at a time', async () => {
  const { memory } = machine(32 * MIB);
  const shared = { role: 'claim', handle: memory.handle, gates: gates(), parties: 2 };
  const results = await Promise.all([0, 1].map(async () => (await once(start(shared), 'message'))[0]));
  const frames: number[] = results.flatMap((result) => result.frames);
  expect(new Set(frames).size).toBe(2 * STEPS);
  expect(memory.stats().used).toBe(2 * STEPS);
});
