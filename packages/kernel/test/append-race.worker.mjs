// The tasks of open-files.test.ts that write to one file from several cpus.
import { parentPort, workerData } from 'node:worker_threads';
import { O, OpenFiles } from '../dist/files/open-files.js';

const { handle, path, line, parties } = workerData;
const gates = new Int32Array(workerData.gates);
const files = new OpenFiles(handle);
const file = files.open(path, O.WRONLY | O.APPEND);
for (let step = 0; step < gates.length; step++) {
  // All write at the same moment.
  Atomics.add(gates, step, 1);
  while (Atomics.load(gates, step) < parties);
  files.write(file, Buffer.from(line));
}
files.drop(file);
parentPort.postMessage('done');
