// The other threads of memory-userfault.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';

const memory = PhysicalMemory.attach(workerData.handle);
const { userfault } = memory;

/** Brings the contents of frames, one a unit: what is asked for, and in between the others in their order. */
function bring({ first, frames, contents, restMs }) {
  const waiting = new Set(frames.keys());
  const resolve = (unit) => {
    waiting.delete(unit);
    memory.view(frames[unit]).set(contents[unit]);
    userfault.resolve(frames[unit], 1);
    memory.drop(frames[unit]);
  };
  while (waiting.size > 0) {
    const seen = userfault.bell;
    for (const requested of userfault.requests())
      if (waiting.has(requested - first)) resolve(requested - first);
    userfault.awaitBell(seen, restMs);
    const [next] = waiting;
    if (next !== undefined && userfault.bell === seen) resolve(next);
  }
  parentPort.postMessage('brought');
}

/** Touches frames, each of which is resolved or poisoned meanwhile. */
function touch({ frames }) {
  const seen = frames.map((frame) => {
    try {
      userfault.await(frame);
      return memory.view(frame)[0];
    } catch (error) {
      return { code: error.code, message: error.message, fields: error.fields };
    }
  });
  parentPort.postMessage(seen);
}

parentPort.on('message', (message) => (message.role === 'bring' ? bring(message) : touch(message)));
