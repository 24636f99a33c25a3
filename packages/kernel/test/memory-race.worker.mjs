// The other threads of memory-threads.test.ts.
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { PTE_DIRTY, PTE_FRAME_SHIFT } from '@ckptree/model';
import { PageTable } from '../dist/memory/page-table.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';

const memory = PhysicalMemory.attach(workerData.handle);

/** Hashes every dirty page of each snapshot twice, in place, then drops the snapshot. */
function readSnapshots() {
  parentPort.on('message', ({ leaves, expected }) => {
    const table = new PageTable(memory, leaves);
    const same = [hashOf(table), hashOf(table)].every((hash) => hash === expected);
    PageTable.release(memory, leaves);
    parentPort.postMessage({ same });
  });
}

function hashOf(table) {
  const hash = createHash('sha256');
  table.forEachPresent(0, 2 ** 35, (page, entry) => {
    if ((entry & PTE_DIRTY) === 0) return;
    hash.update(String(page)).update(memory.view(entry >>> PTE_FRAME_SHIFT));
  });
  return hash.digest('hex');
}

/** Allocates and drops frames against the other threads, each frame marked as its own while it has it. */
function allocate() {
  const { mark, rounds, atOnce, start } = workerData;
  Atomics.wait(new Int32Array(start), 0, 0);
  const held = [];
  let stolen = 0;
  for (let round = 0; round < rounds; round++) {
    while (held.length < atOnce) {
      const frame = memory.allocate();
      if (!memory.isZero(frame)) stolen++;
      memory.view(frame).fill(mark);
      held.push(frame);
    }
    // Keep every third one and drop the others, so that blocks come to have holes.
    const kept = [];
    for (const [index, frame] of held.entries()) {
      const view = memory.view(frame);
      if (memory.refs(frame) !== 1 || view[0] !== mark || view[4095] !== mark) stolen++;
      if ((index + round) % 3 === 0) kept.push(frame);
      else memory.drop(frame);
    }
    held.splice(0, held.length, ...kept);
  }
  memory.releaseBlocks();
  parentPort.postMessage({ stolen, held });
}

/** Calls `act` for each step when all parties have come to it, so that they collide as often as can be. */
function inStep(act) {
  const gates = new Int32Array(workerData.gates);
  for (let step = 0; step < gates.length; step++) {
    Atomics.add(gates, step, 1);
    while (Atomics.load(gates, step) < workerData.parties);
    act(step);
  }
}

/** Drops its reference to one leaf after the other. */
function release() {
  const { leaves } = workerData;
  inStep((step) => PageTable.release(memory, leaves.subarray(2 * step, 2 * step + 2)));
  parentPort.postMessage({});
}

/** Makes one leaf after the other its own, then drops them all. */
function unshare() {
  const { leaves } = workerData;
  const table = new PageTable(memory, leaves);
  inStep((step) => table.unshare(leaves[2 * step] * 512));
  PageTable.release(memory, table.take());
  memory.releaseBlocks();
  parentPort.postMessage({});
}

/** Claims a block for every single frame, and looks for it where the others do. */
function claim() {
  const { handle, gates } = workerData;
  const frames = [];
  const fresh = Array.from({ length: gates.byteLength / 4 }, () => PhysicalMemory.attach(handle));
  inStep((step) => {
    frames.push(fresh[step].allocateForCopy());
    fresh[step].releaseBlocks();
  });
  parentPort.postMessage({ frames });
}

const roles = { readSnapshots, allocate, release, unshare, claim };
roles[workerData.role]();
