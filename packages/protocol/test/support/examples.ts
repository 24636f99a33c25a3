import type { WorkerRecord } from '@ckptree/protocol';

export const exampleWorkerRecord: WorkerRecord = {
  version: 1,
  worker: 'w1',
  host: 'h',
  process: 1,
  software: '0.1.0',
  started: '2026-11-23T15:39:26.123Z',
  at: '2026-11-23T15:39:26.123Z',
  state: 'serving',
  capacity: { cpus: 1, memoryBytes: 1, tasks: 1 },
  load: { tasks: 0, memoryBytes: 0, dumps: 0 },
};
