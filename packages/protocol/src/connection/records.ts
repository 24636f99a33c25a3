import { CheckpointRecord } from '../records/checkpoint.js';
import {
  KeyRecord,
  LeaderRecord,
  RetentionRecord,
  SchedulesRecord,
  TreesRecord,
  UpkeepRecord,
} from '../records/control.js';
import { TreeRecord } from '../records/tree.js';
import { WorkerRecord } from '../records/worker.js';
import { BUCKETS } from '../subjects.js';
import { Bucket } from './bucket.js';
import type { Connection } from './connection.js';

/**
 * The records of a cluster. Those of `ckptree-control` stand under one key each (`CONTROL_KEYS`).
 * @param signal once it is raised, nothing is written any more
 */
export const recordsOf = (connection: Connection, signal?: AbortSignal) => ({
  workers: new Bucket(connection, BUCKETS.workers, WorkerRecord, signal),
  checkpoints: new Bucket(connection, BUCKETS.checkpoints, CheckpointRecord, signal),
  trees: new Bucket(connection, BUCKETS.trees, TreeRecord, signal),
  leader: new Bucket(connection, BUCKETS.control, LeaderRecord, signal),
  allTrees: new Bucket(connection, BUCKETS.control, TreesRecord, signal),
  schedules: new Bucket(connection, BUCKETS.control, SchedulesRecord, signal),
  retention: new Bucket(connection, BUCKETS.control, RetentionRecord, signal),
  upkeep: new Bucket(connection, BUCKETS.control, UpkeepRecord, signal),
  keys: new Bucket(connection, BUCKETS.keys, KeyRecord, signal),
});
export type Records = ReturnType<typeof recordsOf>;

export const CONTROL_KEYS = {
  leader: 'leader',
  trees: 'trees',
  schedules: 'schedules',
  retention: 'retention',
  upkeep: 'upkeep',
} as const;
