import { type Static, Type } from '@ckptree/schema';
import { Count, Time, WorkerId } from '../messages/fields.js';

/** A worker, as it registers itself: bucket `ckptree-workers`, its id as key, put again with every heartbeat. */
export const WorkerRecord = Type.Object({
  version: Type.Literal(1),
  worker: WorkerId('Its id, as key of the record and in its subjects.'),
  host: Type.String({ maxLength: 255, description: 'Name of the machine.' }),
  process: Count('Process id on that machine.'),
  token: Type.Optional(
    Type.String({
      maxLength: 64,
      description:
        'Says the process so exactly that another one of its machine, in the same pid namespace, can tell whether it lives.',
    }),
  ),
  software: Type.String({ maxLength: 64, description: 'Version of ckptree.' }),
  started: Time('When it started'),
  at: Time('When it said this'),
  state: Type.Union([Type.Literal('serving'), Type.Literal('draining')], {
    description: 'A worker that is draining takes no new tasks.',
  }),
  capacity: Type.Object({
    cpus: Count('Threads that run tasks.'),
    memoryBytes: Count('Simulated physical memory.'),
    tasks: Count('Most tasks that it hosts.'),
  }),
  load: Type.Object({
    tasks: Count('Tasks that it hosts.'),
    memoryBytes: Count('Simulated physical memory that is used.'),
    dumps: Count('Checkpoints that it is dumping.'),
  }),
});
export type WorkerRecord = Static<typeof WorkerRecord>;

export const exampleWorker: WorkerRecord = {
  version: 1,
  worker: 'worker-1',
  host: 'node-a',
  process: 4_242,
  token: '5f0c6a1b2d3e.4242.7041235',
  software: '0.1.0',
  started: '2026-11-23T15:00:00.000Z',
  at: '2026-11-23T15:39:26.123Z',
  state: 'serving',
  capacity: { cpus: 4, memoryBytes: 2 ** 33, tasks: 131_072 },
  load: { tasks: 12, memoryBytes: 2 ** 28, dumps: 0 },
};
