import { CheckpointRecord } from '../records/checkpoint.js';
import { KeyRecord, LeaderRecord, RetentionRecord, SchedulesRecord } from '../records/control.js';
import { TreeRecord } from '../records/tree.js';
import { WorkerRecord } from '../records/worker.js';
import { BUCKETS } from '../subjects.js';
import { Bucket } from './bucket.js';
import type { Connection } from './connection.js';

/** The records of a cluster. Those of `ckptree-control` stand under one key each (`CONTROL_KEYS`). */
export const recordsOf = (connection: Connection) => ({
  workers: new Bucket(connection, BUCKETS.workers, WorkerRecord),
  checkpoints: new Bucket(connection, BUCKETS.checkpoints, CheckpointRecord),
  trees: new Bucket(connection, BUCKETS.trees, TreeRecord),
  leader: new Bucket(connection, BUCKETS.control, LeaderRecord),
  schedules: new Bucket(connection, BUCKETS.control, SchedulesRecord),
  retention: new Bucket(connection, BUCKETS.control, RetentionRecord),
  keys: new Bucket(connection, BUCKETS.keys, KeyRecord),
});
export type Records = ReturnType<typeof recordsOf>;

export const CONTROL_KEYS = { leader: 'leader', schedules: 'schedules', retention: 'retention' } as const;
