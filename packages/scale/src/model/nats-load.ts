import type { Assumptions } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';

/** A stream of messages of one kind. */
export interface Flow {
  readonly what: string;
  /** Messages a second that are published. */
  readonly rate: number;
  /** Subscribers that each is delivered to. */
  readonly deliveries: number;
  /** Bytes of one. */
  readonly bytes: number;
  /** Kept by JetStream: in a stream, or as the value of a key. */
  readonly kept: 'no' | 'stream' | 'kv';
}

export interface ServerLoad {
  /** Cores of nats-server. */
  readonly cores: number;
  /** Bytes a second, in and out. */
  readonly bytes: number;
}

/** What one nats-server does for a flow. */
export function loadOf({ rate, deliveries, bytes, kept }: Flow, costs: Costs): ServerLoad {
  const messages = costs.serverMessage + Math.max(0, deliveries - 1) * costs.serverDelivery;
  const keeping = { no: 0, stream: costs.streamMessage, kv: costs.kvMessage }[kept];
  const content = bytes * Math.max(1, deliveries) * costs.serverByte;
  return { cores: rate * (messages + keeping + content), bytes: rate * bytes * (1 + deliveries) };
}

/** Bytes of a small document with its subject and reply. */
const SMALL = 400;

/** What goes on all the time. @param coordinators that watch the workers' heartbeats */
export function steadyFlows({ workers }: Pick<Assumptions, 'workers'>, coordinators: number): Flow[] {
  return [
    {
      what: 'heartbeats (KV, every 2 s)',
      rate: workers / 2,
      deliveries: coordinators,
      bytes: SMALL,
      kept: 'kv',
    },
    {
      what: 'leaders (KV, every 1 s)',
      rate: coordinators,
      deliveries: coordinators,
      bytes: SMALL,
      kept: 'kv',
    },
  ];
}

/** While every worker dumps. */
export function dumpFlows(
  { workers }: Pick<Assumptions, 'workers'>,
  progressPerSecond: number,
  pollsPerSecond: number,
): Flow[] {
  return [
    {
      what: 'progress (events)',
      rate: workers * progressPerSecond,
      deliveries: 1,
      bytes: SMALL,
      kept: 'stream',
    },
    {
      what: 'status (request and reply)',
      rate: 2 * workers * pollsPerSecond,
      deliveries: 1,
      bytes: SMALL,
      kept: 'no',
    },
  ];
}
