import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CkptError } from '@ckptree/errors';
import { firstFaultOf, type Static, Type } from '@ckptree/schema';

/**
 * What one of everything costs, and its unit: `s` seconds of time, `cpu-s` seconds of one core, `B` bytes, `B/s`, `1/s`, `1` a
 * ratio. One table: the schema, the type, what `measure` fills in and what `npm run scale` prints derive from it.
 */
export const COSTS = {
  freezeTree: ['s', 'flags raised until every task of a running tree is at a safe point'],
  snapshotTask: ['s', 'snapshot of a small address space and its registers, while the tasks stand still'],
  snapshotLeaf: ['s', 'sharing one page table leaf (2 MiB of memory), while the tasks stand still'],
  assembleTask: ['s', 'putting together what the cpus of a worker saw of one task, when its tasks run again'],
  describeTask: ['cpu-s', 'telling of one task in a skeleton, JSON included'],
  skeletonBytes: ['B', 'one task in the JSON of a skeleton'],
  skeletonParse: ['cpu-s', 'parsing and checking that'],
  skeletonHeap: ['B', 'one task of skeletons and of the merged tree in the heap of Node'],
  mergeTask: ['cpu-s', 'merging one task, leak check and its assignment in JSON included'],
  planTask: ['cpu-s', 'planning one task by its worker: its records, sizes and places'],
  hashRate: ['B/s', 'BLAKE3 of 1 MiB chunks, one thread'],
  compressRate: ['B/s', 'zstd 1 of heap-like memory, one thread'],
  compressRatio: ['1', 'bytes before and after, of heap-like memory'],
  diskRate: ['B/s', 'writing packs of 64 MiB until they are durable, one writer'],
  diskObject: ['s', 'what a durable object costs beside its bytes: fsync, name, fsync of the folder'],
  natsRoundTrip: ['s', 'request and reply over loopback, one at a time'],
  clientRequest: ['cpu-s', 'one request and its reply, at who asks'],
  clientReply: ['cpu-s', 'one request and its reply, at who answers'],
  clientReceive: ['cpu-s', 'one message of a subscription with a small JSON document, at who receives it'],
  rowBytes: ['B', 'a row of the process table in JSON'],
  rowReceive: ['cpu-s', 'a row of the process table, at who asks for it'],
  clientByte: ['cpu-s', 'one byte of large messages, at who sends and who receives together'],
  serverMessage: ['cpu-s', 'one small message from a publisher to a subscriber, in nats-server'],
  serverDelivery: ['cpu-s', 'one more subscriber of the same message, in nats-server'],
  serverByte: ['cpu-s', 'one byte of large messages, in nats-server'],
  streamMessage: ['cpu-s', 'one message kept by JetStream in a file, in nats-server'],
  kvMessage: ['cpu-s', 'one put of JetStream KV, in nats-server'],
  kvPut: ['s', 'one put of JetStream KV, until it is acknowledged, one at a time'],
} as const satisfies Record<string, readonly [unit: string, what: string]>;

export type CostName = keyof typeof COSTS;

/** Values in the units of the table. */
export type Costs = Readonly<Record<CostName, number>>;

const Entry = Type.Object(
  {
    value: Type.Number({ exclusiveMinimum: 0 }),
    /** The command that measured it, or the page that tells it. */
    source: Type.String({ minLength: 1, maxLength: 200 }),
  },
  { additionalProperties: false },
);

const COST_NAMES = Object.keys(COSTS) as CostName[];

const CostsSchema = Type.Object(
  {
    machine: Type.String({ maxLength: 200 }),
    date: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
    costs: Type.Object(
      Object.fromEntries(COST_NAMES.map((name) => [name, Entry])) as Record<CostName, typeof Entry>,
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

/** A file of costs: the values, where each is from, on which machine and when. */
export type CostsDocument = Static<typeof CostsSchema>;

const firstFault = firstFaultOf(CostsSchema);

/** The costs that come with the package. */
export const COSTS_FILE = fileURLToPath(new URL('../../costs.json', import.meta.url));

/** @throws EBADMSG it is no file of costs, naming the field; ENOENT, EPERM, EIO from the file system */
export async function readCosts(path: string): Promise<CostsDocument> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CkptError('EBADMSG', `${path} is not JSON: ${error.message}`, { path }, error);
  }
  const found = firstFault(document);
  if (found === undefined) return document as CostsDocument;
  const field = found.pointer;
  const message = `${path} is no file of costs: ${field || 'the document'} ${found.fault}; write one with \`npm run scale -- measure --output FILE\``;
  throw new CkptError('EBADMSG', message, { path, field });
}

export const costsOf = ({ costs }: CostsDocument): Costs =>
  Object.fromEntries(COST_NAMES.map((name) => [name, costs[name].value])) as Costs;
