import { availableParallelism, totalmem } from 'node:os';
import { Type } from '@ckptree/schema';
import { bytes, duration, onOff, path, storeSecretOptions, wholeNumber } from '@ckptree/service';

const MAX_CPUS = 64;
const MAX_TICKS_PER_SECOND = 1_000_000_000;
const cores = Math.min(availableParallelism(), MAX_CPUS);
/** Its container or unit may have less than the host. 0: nobody knows. */
const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || totalmem());

/** What a worker can be told, beside what every service can. */
export const workerOptions = {
  volume: Type.Optional(
    path({
      description:
        'folder of the store, where it is shared with the storage services: packs then go by claim check',
      placeholder: 'dir',
    }),
  ),
  cpus: wholeNumber({
    description: 'threads that run tasks',
    placeholder: 'n',
    default: cores,
    minimum: 1,
    maximum: MAX_CPUS,
  }),
  ticksPerSecond: Type.Optional(
    wholeNumber({
      description: 'most ticks that each of those executes in a second; as many as the host can when absent',
      placeholder: 'n',
      minimum: 1,
      maximum: MAX_TICKS_PER_SECOND,
    }),
  ),
  threads: wholeNumber({
    description: 'threads that hash, compress and load',
    placeholder: 'n',
    default: cores,
    minimum: 1,
    maximum: MAX_CPUS,
  }),
  memory: bytes({
    description: 'simulated physical memory; the host commits it as it is touched',
    minimum: 2 ** 20,
    maximum: 2 ** 42,
    default: Math.floor(memoryBytes / 4 / 2 ** 20) * 2 ** 20,
  }),
  populate: onOff({
    description:
      'have the host commit all of that memory before it joins, so that nothing waits for it later',
  }),
  maxTasks: wholeNumber({
    description: 'most tasks that it hosts',
    placeholder: 'n',
    default: 131_072,
    minimum: 1,
    maximum: 4_000_000,
  }),
  heartbeatMs: duration({
    name: 'heartbeat',
    description: 'how often it says that it is there',
    default: 2_000,
    minimum: 100,
    maximum: 4_000,
  }),
  ...storeSecretOptions('to read and write checkpoints'),
};
