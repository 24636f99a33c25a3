import { Type } from '@ckptree/schema';
import { duration, path, storeSecretOptions, wholeNumber } from '@ckptree/service';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

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
  gcEveryMs: duration({
    name: 'gcEvery',
    description: 'how often a storage service deletes what no checkpoint needs; 0: never',
    default: DAY_MS,
    minimum: 0,
    maximum: 365 * DAY_MS,
  }),
  verifyEveryMs: duration({
    name: 'verifyEvery',
    description: 'how often one checks the store: its structure, and 5 % of the data; 0: never',
    default: DAY_MS,
    minimum: 0,
    maximum: 365 * DAY_MS,
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
