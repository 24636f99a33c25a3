import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { BUCKETS, STREAMS, SUBJECTS } from '../subjects.js';
import { API_TIMEOUT_MS, type Connection, NATS } from './connection.js';
import { DiscardPolicy, nanos, RetentionPolicy, StorageType, type StreamConfig } from './nats.js';
import { apiErrorOf, fromNats, STREAM_NOT_FOUND } from './nats-error.js';
import { recordsOf } from './records.js';
import { madeAt } from './stream-made.js';
import { whileConnected } from './while-connected.js';

export interface ClusterOptions {
  /** Copies of every stream, over the servers of a NATS cluster. Default 1. */
  readonly replicas?: number;
  /** Events are kept so long, and no more bytes than this of them. Default a week, 1 GiB. */
  readonly eventsMaxAgeMs?: number;
  readonly eventsMaxBytes?: number;
  /** A worker that has said nothing for so long is gone. Default 10 s. */
  readonly workerTtlMs?: number;
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 168 * HOUR_MS;
const LOOK_AGAIN_MS = 20;
const READY_TIMEOUT_MS = 10_000;
/** What the server says of a stream that is there; the second also when somebody is just making it. Or another has its subjects. */
const STREAM_NAME_IN_USE = 10_058;
const STREAM_SUBJECTS_OVERLAP = 10_065;
/** The disk has no room for one like it; said before the server looks whether it is there already. */
const NO_STORAGE = 10_047;

/**
 * Makes the streams and buckets of a cluster, or brings them to these settings; may be done at any time, by several.
 * When it resolves, all are ready to be read, also those that somebody else was making. @throws ETIMEDOUT JetStream is too busy
 */
export async function ensureCluster(connection: Connection, options: ClusterOptions = {}): Promise<void> {
  for (const stream of streamsOf(options)) await ensureStream(connection, stream);
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (const bucket of Object.values(recordsOf(connection)))
    while (!(await bucket.isReady())) {
      if (performance.now() > deadline)
        throw new CkptError(
          'ETIMEDOUT',
          'JetStream has made the buckets of the cluster, and does not serve them yet',
        );
      await sleep(LOOK_AGAIN_MS);
    }
}

/**
 * When the streams and buckets of a cluster were made, in a fixed order. Others of their names are made when these are lost: when the server
 * has lost its data, or somebody has deleted one of them.
 * @returns undefined when one of them is missing @throws as request()
 */
export async function clusterState(connection: Connection): Promise<readonly number[] | undefined> {
  const names = streamsOf({}).map(({ name = '' }) => name);
  const made = await Promise.all(names.map((name) => madeAt(connection, name)));
  const known = made.filter((at) => at !== undefined);
  return known.length < names.length ? undefined : known;
}

/** Whether two answers of clusterState() are of the same streams and buckets. */
export const isSameState = (one: readonly number[], other: readonly number[]): boolean =>
  one.every((at, index) => at === other[index]);

function streamsOf(options: ClusterOptions): Partial<StreamConfig>[] {
  const { replicas = 1, eventsMaxAgeMs = WEEK_MS, eventsMaxBytes = 2 ** 30, workerTtlMs = 10_000 } = options;
  const common = { storage: StorageType.File, num_replicas: replicas };
  return [
    {
      ...common,
      name: STREAMS.events,
      subjects: [`${SUBJECTS.events}.>`],
      max_age: nanos(eventsMaxAgeMs),
      max_bytes: eventsMaxBytes,
      // Longer than anybody goes on telling the same event again: a takeover, an outage.
      duplicate_window: nanos(HOUR_MS),
      allow_direct: true,
    },
    {
      ...common,
      name: STREAMS.requests,
      subjects: [SUBJECTS.checkpointRequest],
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      max_msgs: 100_000,
      max_msg_size: 2 ** 16,
      duplicate_window: nanos(HOUR_MS),
    },
    bucket(BUCKETS.workers, { ...common, max_age: nanos(workerTtlMs) }),
    bucket(BUCKETS.checkpoints, { ...common, max_age: nanos(WEEK_MS) }),
    bucket(BUCKETS.trees, common),
    bucket(BUCKETS.control, common),
    bucket(BUCKETS.keys, { ...common, max_age: nanos(WEEK_MS) }),
  ];
}

/** A stream as the key-value store has it (ADR-8 of nats-architecture-and-design). */
const bucket = (name: string, config: Partial<StreamConfig>): Partial<StreamConfig> => ({
  ...config,
  name: `KV_${name}`,
  subjects: [`$KV.${name}.>`],
  max_msgs_per_subject: 1,
  discard: DiscardPolicy.New,
  deny_delete: true,
  allow_rollup_hdrs: true,
  allow_direct: true,
});

async function ensureStream(connection: Connection, config: Partial<StreamConfig>): Promise<void> {
  const { streams } = connection[NATS].manager;
  const name = config.name ?? '';
  const what = `making the stream ${name}`;
  const asked = { responder: 'JetStream', what, timeoutMs: API_TIMEOUT_MS };
  try {
    await whileConnected(connection, what, streams.add(config));
  } catch (error) {
    const code = apiErrorOf(error) ?? 0;
    if (code === NO_STORAGE && (await madeAt(connection, name)) !== undefined) return;
    if (code !== STREAM_NAME_IN_USE && code !== STREAM_SUBJECTS_OVERLAP) throw fromNats(error, asked);
    await whileConnected(connection, what, streams.update(name, config)).catch((cause) => {
      throw fromNats(apiErrorOf(cause) === STREAM_NOT_FOUND ? error : cause, asked);
    });
  }
}
