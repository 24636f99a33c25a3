import { DOWNTIME_SECONDS, REQUEST_SECONDS, TRANSFER_SECONDS } from './buckets.js';
import { counter, gauge, histogram } from './define.js';

/** Of every service; kept by this package. */
export const SERVICE_METRICS = {
  info: gauge('ckptree_service_info', 'Always 1; the labels say what runs', ['role', 'id', 'version']),
  ready: gauge('ckptree_service_ready', '1 when every readiness check holds'),
  check: gauge('ckptree_service_check', '1 when this readiness check holds', ['check']),
  stopping: gauge('ckptree_service_stopping', '1 from the moment that the service was asked to end'),
} as const;

/** Of every service; kept by whoever holds the connection and answers requests. */
export const PROTOCOL_METRICS = {
  connected: gauge('ckptree_nats_connected', '1 while there is a connection to NATS'),
  reconnects: counter('ckptree_nats_reconnects_total', 'Connections to NATS that were lost and made again'),
  requests: counter(
    'ckptree_protocol_requests_total',
    'Requests that were answered; code is ok, or that of the error',
    ['request', 'code'],
  ),
  requestSeconds: histogram(
    'ckptree_protocol_request_duration_seconds',
    'From the arrival of a request to its answer',
    REQUEST_SECONDS,
    ['request'],
  ),
  invalidMessages: counter(
    'ckptree_protocol_invalid_messages_total',
    'Messages that break the schema of their subject or a limit, and were answered so',
    ['request'],
  ),
  droppedMessages: counter(
    'ckptree_protocol_dropped_messages_total',
    'Messages that had nowhere to be answered to',
    ['request'],
  ),
} as const;

/** Of everybody who reads from and writes to the storage service. */
export const CARRIER_METRICS = {
  bytes: counter(
    'ckptree_carrier_bytes_total',
    'Bytes to (direction=write) and from (read) storage; way is nats or volume',
    ['direction', 'way'],
    { direction: ['write', 'read'], way: ['nats', 'volume'] },
  ),
  retries: counter('ckptree_carrier_retries_total', 'Transfers that were tried again'),
  inFlightBytes: gauge('ckptree_carrier_in_flight_bytes', 'Bytes that were sent and are not yet durable'),
  putSeconds: histogram(
    'ckptree_carrier_put_duration_seconds',
    'From the first byte of an object to its being durable',
    TRANSFER_SECONDS,
    ['way'],
  ),
} as const;

export const WORKER_METRICS = {
  tasks: gauge('ckptree_worker_tasks', 'Tasks that it hosts; state is running, frozen or zombie', ['state'], {
    state: ['running', 'frozen', 'zombie'],
  }),
  trees: gauge('ckptree_worker_trees', 'Trees of which it hosts a part'),
  memoryUsed: gauge('ckptree_worker_memory_used_bytes', 'Simulated memory in use, snapshots included'),
  memoryCapacity: gauge('ckptree_worker_memory_capacity_bytes', 'Simulated memory that it has'),
  tasksEnded: counter(
    'ckptree_worker_tasks_ended_total',
    'Tasks that ended; how is exited or killed',
    ['how'],
    { how: ['exited', 'killed'] },
  ),
  cuts: gauge('ckptree_worker_cuts', 'Cuts that it holds; state is frozen or snapshot', ['state'], {
    state: ['frozen', 'snapshot'],
  }),
  freezeSeconds: histogram(
    'ckptree_worker_freeze_duration_seconds',
    'From the order to freeze to the last task at its safe point',
    DOWNTIME_SECONDS,
  ),
  stoodStillSeconds: histogram(
    'ckptree_worker_stood_still_seconds',
    'How long the tasks of one cut stood still on this worker',
    DOWNTIME_SECONDS,
  ),
  leasesExpired: counter(
    'ckptree_worker_leases_expired_total',
    'Cuts whose tasks the worker thawed by itself because nobody told it to in time',
  ),
  dumps: counter(
    'ckptree_worker_dumps_total',
    'Dumps that ended; outcome is sealed, failed or cancelled',
    ['outcome'],
    { outcome: ['sealed', 'failed', 'cancelled'] },
  ),
  dumpSeconds: histogram(
    'ckptree_worker_dump_duration_seconds',
    'From the order to dump to all segments being durable',
    TRANSFER_SECONDS,
  ),
  dumpBytes: counter(
    'ckptree_worker_dump_bytes_total',
    'Memory that was dumped: all of it (kind=memory), and what was new to the store (stored, compressed)',
    ['kind'],
    { kind: ['memory', 'stored'] },
  ),
  restoreBytes: counter('ckptree_worker_restore_bytes_total', 'Memory that was loaded from checkpoints'),
} as const;

export const STORAGE_METRICS = {
  bytes: counter(
    'ckptree_storage_bytes_total',
    'Bytes that came (direction=in) and went (out); way is nats or volume',
    ['direction', 'way'],
    { direction: ['in', 'out'], way: ['nats', 'volume'] },
  ),
  putSeconds: histogram(
    'ckptree_storage_put_duration_seconds',
    'From the end of an upload to the object being durable',
    TRANSFER_SECONDS,
    ['kind'],
  ),
  uploads: gauge('ckptree_storage_uploads', 'Uploads under way'),
  inFlightBytes: gauge('ckptree_storage_in_flight_bytes', 'Bytes of uploads that are not yet durable'),
  adopted: counter(
    'ckptree_storage_adopted_packs_total',
    'Claim checks; outcome is adopted, or refused (size or hash is not what was claimed)',
    ['outcome'],
    { outcome: ['adopted', 'refused'] },
  ),
  objects: gauge('ckptree_storage_objects', 'Objects in the store', ['kind']),
  objectBytes: gauge('ckptree_storage_object_bytes', 'Bytes of the objects in the store', ['kind']),
  volumeFree: gauge('ckptree_storage_volume_free_bytes', 'Space that is left on the volume of the store'),
  volumeSize: gauge('ckptree_storage_volume_size_bytes', 'Size of the volume of the store'),
  gcRuns: counter(
    'ckptree_storage_gc_runs_total',
    'Garbage collections; outcome is ok or failed',
    ['outcome'],
    { outcome: ['ok', 'failed'] },
  ),
  gcFreed: counter('ckptree_storage_gc_freed_bytes_total', 'Bytes that garbage collections gave back'),
  gcLastSuccess: gauge(
    'ckptree_storage_gc_last_success_timestamp_seconds',
    'When a garbage collection last succeeded, in Unix time',
  ),
  verifyLastSuccess: gauge(
    'ckptree_storage_verify_last_success_timestamp_seconds',
    'When a verification last found nothing, in Unix time',
  ),
  damaged: gauge('ckptree_storage_damaged_objects', 'Objects that the last verification found damaged'),
} as const;

/** `ckptree_checkpoint_*` and `ckptree_restart_*` are told by the coordinator that led them. */
export const COORDINATOR_METRICS = {
  leader: gauge('ckptree_coordinator_leader', '1 on the coordinator that leads'),
  term: gauge('ckptree_coordinator_term', 'Term of the leader that it knows'),
  workers: gauge('ckptree_coordinator_workers', 'Workers that are registered; told by the leader'),
  workersLost: counter(
    'ckptree_coordinator_workers_lost_total',
    'Workers whose heartbeat ended without a goodbye',
  ),
  trees: gauge('ckptree_coordinator_trees', 'Trees that have not ended; told by the leader'),
  tasks: gauge('ckptree_coordinator_tasks', 'Tasks of all workers as they report them; told by the leader'),
  schedules: gauge('ckptree_coordinator_schedules', 'Scheduled checkpoints; told by the leader'),
  schedulesMissed: counter(
    'ckptree_coordinator_schedules_missed_total',
    'Times at which a scheduled checkpoint could not begin because the one before was under way, or nobody led',
  ),
  retentionRemoved: counter(
    'ckptree_coordinator_retention_removed_total',
    'Checkpoints that retention rules removed',
  ),
  active: gauge(
    'ckptree_checkpoint_active',
    'Checkpoints under way, by the state of their record',
    ['state'],
    { state: ['requested', 'preparing', 'dumping', 'committing'] },
  ),
  checkpoints: counter(
    'ckptree_checkpoints_total',
    'Checkpoints that ended; outcome is completed, failed or cancelled',
    ['outcome'],
    { outcome: ['completed', 'failed', 'cancelled'] },
  ),
  failures: counter(
    'ckptree_checkpoint_failures_total',
    'Checkpoints that failed, by the code of the reason',
    ['code'],
  ),
  downtimeSeconds: histogram(
    'ckptree_checkpoint_downtime_seconds',
    'How long the tasks of a checkpoint stood still: the most of all its workers',
    DOWNTIME_SECONDS,
  ),
  checkpointSeconds: histogram(
    'ckptree_checkpoint_duration_seconds',
    'From the request to the durable manifest',
    TRANSFER_SECONDS,
  ),
  stepSeconds: histogram(
    'ckptree_checkpoint_step_duration_seconds',
    'Time in a state of completed checkpoints; state is preparing, dumping or committing',
    TRANSFER_SECONDS,
    ['state'],
  ),
  checkpointBytes: counter(
    'ckptree_checkpoint_bytes_total',
    'Size of completed checkpoints as images (kind=image), and what they added to the store (stored)',
    ['kind'],
    { kind: ['image', 'stored'] },
  ),
  lastCompleted: gauge(
    'ckptree_checkpoint_last_completed_timestamp_seconds',
    'When a checkpoint was last completed, in Unix time',
  ),
  restarts: counter('ckptree_restarts_total', 'Restarts; outcome is restarted or failed', ['outcome'], {
    outcome: ['restarted', 'failed'],
  }),
  restartSeconds: histogram(
    'ckptree_restart_duration_seconds',
    'From the request to its answer: the tasks run again',
    TRANSFER_SECONDS,
  ),
} as const;

/** Who tells what. */
export const ALL_METRICS = {
  'every service': SERVICE_METRICS,
  'every service, of NATS': PROTOCOL_METRICS,
  'whoever reads and writes checkpoints': CARRIER_METRICS,
  worker: WORKER_METRICS,
  storage: STORAGE_METRICS,
  coordinator: COORDINATOR_METRICS,
} as const;
