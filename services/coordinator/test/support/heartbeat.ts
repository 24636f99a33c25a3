import type { WorkerRecord } from '@ckptree/protocol';

/** What a worker says of itself. @param start which start of the worker it is of */
export const heartbeat = (id: string, start = 1): WorkerRecord => ({
  version: 1,
  worker: id,
  host: 'here',
  process: start,
  software: '0.1.0',
  started: `2026-11-23T15:00:0${start}.000Z`,
  at: new Date().toISOString(),
  state: 'serving',
  capacity: { cpus: 1, memoryBytes: 2 ** 28, tasks: 10 },
  load: { tasks: 0, memoryBytes: 0, dumps: 0 },
});
