import { constants } from 'node:buffer';
import { MERGE_THREADS, mergeSeconds } from '../model/coordinator.js';
import { leastBarrier } from '../model/least-barrier.js';
import { serviceRate } from '../model/storage.js';
import { bytes, count, seconds } from './quantities.js';
import type { Given, NamedTable, Table } from './table.js';

/** No resource should be busier than this for long: waiting times grow without bound towards 1. */
const BUSY = 0.7;
/** Without a renewal for so long a leader stops acting. */
const LEADER_SILENCE = 2.5;
const LEASE = 2;
const DEADLINE = 900;
/** Node 20 on 64 bit with 16 GB of memory or more. */
const HEAP_BYTES = 4 * 2 ** 30;
/** The kernel's limit, which is that of Linux on 64 bits. */
const PID_MAX = 4_194_303;
const SEGMENT_BYTES = 256 * 2 ** 20;
/** A segment in a manifest with the id of one recipe chunk. */
const SEGMENT_JSON_BYTES = 140;
/** An id in the memory of a stream that tells duplicates by it: the text, a time, and its place in a map. */
const DEDUP_BYTES = 200;
const DEDUP_WINDOW = 3600;
const DEDUP_MEMORY = 8 * 2 ** 30;

interface LimitOf {
  readonly what: string;
  readonly unit: string;
  /** In the unit, as designed. */
  readonly limit: number;
  /** In the unit, of the cluster that is assumed. */
  readonly needed: number;
  readonly remedy: string;
  readonly after: number;
}

function limits({ costs, assumed }: Given): LimitOf[] {
  const { tasks, workers, memoryPerTask } = assumed;
  const stored = (memoryPerTask * tasks) / costs.compressRatio;
  const merge = mergeSeconds(costs);
  const fixed = leastBarrier(0, costs, assumed);
  return [
    {
      what: 'one tree merged on the event loop, before its leader is deposed',
      unit: 'tasks',
      limit: LEADER_SILENCE / merge,
      needed: tasks,
      remedy: `merged in ${MERGE_THREADS} threads, within the ${seconds(DEADLINE)} of the dumping step`,
      after: (MERGE_THREADS * DEADLINE) / merge,
    },
    {
      what: 'skeletons of one tree in the heap of the coordinator',
      unit: 'tasks',
      limit: HEAP_BYTES / costs.skeletonHeap,
      needed: tasks,
      remedy: 'merged as they come, and only what crosses workers is kept (1 task of 100)',
      after: (100 * HEAP_BYTES) / costs.skeletonHeap,
    },
    {
      what: 'tasks of the cluster, whose pids are all different',
      unit: 'tasks',
      limit: PID_MAX,
      needed: tasks,
      remedy: 'pids are unique in their tree, a pid namespace each; the image format has 31 bits',
      after: 2 ** 31,
    },
    {
      what: 'a tree spawned every second, for which all rows of the process table are read',
      unit: 'tasks',
      limit: BUSY / costs.rowReceive,
      needed: tasks,
      remedy: 'a range of pids for each tree, kept in a record: one write instead',
      after: 2 ** 31,
    },
    {
      what: 'events that are told apart for an hour, 2 progress events a second of each worker',
      unit: 'workers',
      limit: DEDUP_MEMORY / (2 * DEDUP_WINDOW * DEDUP_BYTES),
      needed: workers,
      remedy: 'progress is not kept: plain messages, or told with the status',
      after: DEDUP_MEMORY / ((DEDUP_WINDOW / DEADLINE) * 10 * DEDUP_BYTES),
    },
    {
      what: `prepare by requests, answered within a lease of ${LEASE} s`,
      unit: 'workers',
      limit: (LEASE - fixed) / costs.clientRequest,
      needed: workers,
      remedy: 'fan-out: one message, answers to one inbox',
      after: (LEASE - fixed) / (costs.serverDelivery + costs.clientReceive),
    },
    {
      what: 'status of every worker once a second, one coordinator',
      unit: 'workers',
      limit: BUSY / costs.clientRequest,
      needed: workers,
      remedy: 'answered when something has changed, or after 30 s',
      after: (30 * BUSY) / costs.clientRequest,
    },
    {
      what: 'heartbeats every 2 s into one bucket',
      unit: 'workers',
      limit: (2 * BUSY) / costs.kvMessage,
      needed: workers,
      remedy: 'plain messages; a record only when something changes',
      after: (2 * BUSY * assumed.natsCores) / costs.serverMessage,
    },
    {
      what: 'manifest of one tree, as one string of JSON',
      unit: 'tasks',
      limit: (constants.MAX_STRING_LENGTH / SEGMENT_JSON_BYTES) * (SEGMENT_BYTES / memoryPerTask),
      needed: tasks,
      remedy: 'a list of lists: recipes are chunks already',
      after: (1000 * constants.MAX_STRING_LENGTH) / SEGMENT_JSON_BYTES,
    },
    {
      what: `full dump within ${seconds(DEADLINE)}, one nats-server carries it`,
      unit: 'bytes',
      limit: DEADLINE * Math.min(assumed.natsCores / costs.serverByte, assumed.networkRate / 2),
      needed: stored,
      remedy: 'claim check: only names go over NATS; 100 storage services write',
      after: DEADLINE * 100 * serviceRate(costs, assumed) * BUSY,
    },
  ];
}

function compute(given: Given): Table {
  const all = limits(given)
    .map((limit) => ({ ...limit, room: limit.limit / limit.needed }))
    .sort((a, b) => a.room - b.room);
  const amount = (unit: string, value: number) =>
    unit === 'bytes' ? bytes(value) : `${count(value)} ${unit}`;
  return {
    title: 'What breaks first, worst first: the largest that is possible, against what is asked for',
    columns: ['what', 'limit', 'asked for', 'room', 'then at most', { words: 'when' }],
    rows: all.map(({ what, unit, limit, needed, room, remedy, after }) => [
      what,
      amount(unit, limit),
      amount(unit, needed),
      `${Number(room.toPrecision(2))} x`,
      amount(unit, after),
      remedy,
    ]),
    notes: [
      'One tree of all tasks is the worst case; trees that are smaller share none of the limits of one tree.',
      `Rates are at ${BUSY * 100} % of a core: beyond that waiting grows faster than load.`,
    ],
  };
}

export const limitsTable: NamedTable = {
  name: 'limits',
  summary: 'what breaks first, and what moves it',
  compute,
};
