import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { CutControl, type CutControlHandle } from '../cut/cut-control.js';
import { OpenFiles } from '../files/open-files.js';
import { PhysicalMemory, type PhysicalMemoryHandle } from '../memory/physical-memory.js';
import { ProcessTable, type ProcessTableHandle } from '../process/process-table.js';
import { Cpu } from './cpu.js';
import { CpuControl } from './cpu-control.js';

/** What the main thread hands to a new cpu thread. */
export interface CpuThreadData {
  readonly index: number;
  readonly memory: PhysicalMemoryHandle;
  readonly table: ProcessTableHandle;
  readonly files: ArrayBufferLike;
  /** Handle of CpuControl. */
  readonly control: SharedArrayBuffer;
  readonly cuts: CutControlHandle;
  readonly inbox: MessagePort;
  readonly peers: readonly (MessagePort | undefined)[];
  readonly ticksPerSecond: number | undefined;
}

const data = workerData as CpuThreadData;
const cpu = new Cpu({
  index: data.index,
  table: new ProcessTable(data.table),
  files: new OpenFiles(data.files),
  memory: PhysicalMemory.attach(data.memory),
  control: new CpuControl(data.control),
  cuts: new CutControl(data.cuts),
  inbox: data.inbox,
  peers: data.peers,
  ticksPerSecond: data.ticksPerSecond,
  tell: (message) => parentPort?.postMessage(message),
});
cpu.run();
// The ports would keep the thread alive.
process.exit(0);
