import { Type } from '@ckptree/schema';
import { duration, path, storeSecretOptions, wholeNumber } from '@ckptree/service';

const HOUR_MS = 3_600_000;

/** What a coordinator can be told, beside what every service can. */
export const coordinatorOptions = {
  volume: Type.Optional(
    path({
      description: 'folder of the store, where it is shared with the storage services',
      placeholder: 'dir',
    }),
  ),
  leaseMs: duration({
    name: 'lease',
    description: 'longest that tasks stand still for a checkpoint, whatever happens',
    default: 2_000,
    minimum: 100,
    maximum: 600_000,
  }),
  describeTimeoutMs: duration({
    name: 'describeTimeout',
    description: 'longest that a worker takes to describe its part of a tree',
    default: 60_000,
    minimum: 1_000,
    maximum: HOUR_MS,
  }),
  dumpTimeoutMs: duration({
    name: 'dumpTimeout',
    description: 'longest that a worker takes to store its part; time without NATS does not count',
    default: 15 * 60_000,
    minimum: 1_000,
    maximum: 24 * HOUR_MS,
  }),
  replicas: wholeNumber({
    description: 'copies of streams and buckets, over the servers of a NATS cluster',
    placeholder: 'n',
    default: 1,
    minimum: 1,
    maximum: 5,
  }),
  ...storeSecretOptions('to read and commit checkpoints'),
};
