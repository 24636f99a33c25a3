import { type TSchema, Type } from '@ckptree/schema';
import { EVENTS } from '../events/event.js';
import { exampleEvents } from '../events/examples.js';
import { CheckpointRequest, exampleCheckpointRequest } from '../messages/checkpoint-request.js';
import { coordinatorMessages } from '../messages/coordinator.js';
import { type Definition, FailedReply, PREFIX, PROTOCOL_VERSION } from '../messages/definition.js';
import { storageInstanceMessages, storageMessages } from '../messages/storage.js';
import { workerMessages } from '../messages/worker.js';
import { CheckpointRecord, exampleCheckpoint } from '../records/checkpoint.js';
import {
  exampleControl,
  KeyRecord,
  LeaderRecord,
  RetentionRecord,
  SchedulesRecord,
  TreesRecord,
  UpkeepRecord,
} from '../records/control.js';
import { exampleTree, TreeRecord } from '../records/tree.js';
import { exampleWorker, WorkerRecord } from '../records/worker.js';
import { BUCKETS } from '../subjects.js';

/** Everything that this package defines, as lists: for the files of schemas, the page about them, and tests. */

export interface PublishedMessage {
  /** `coordinator.spawn`. */
  readonly name: string;
  /** With `<...>` where an id goes. */
  readonly subject: string;
  readonly definition: Definition;
}

export interface PublishedRole {
  readonly title: string;
  readonly about: string;
  readonly messages: readonly PublishedMessage[];
}

const role = (
  title: string,
  about: string,
  prefix: string,
  place: string,
  messages: Readonly<Record<string, Definition>>,
): PublishedRole => ({
  title,
  about,
  messages: Object.entries(messages).map(([verb, definition]) => ({
    name: `${prefix}.${verb}`,
    subject: `${PREFIX}.${place}.${verb}`,
    definition,
  })),
});

export const PUBLISHED_ROLES: readonly PublishedRole[] = [
  role(
    'Coordinator',
    'What clients ask. The coordinator that leads answers.',
    'coordinator',
    'coordinator',
    coordinatorMessages,
  ),
  role(
    'Worker',
    'What the coordinator asks of one worker. Any of it may be sent again: what is done already is only told.',
    'worker',
    'worker.<worker>',
    workerMessages,
  ),
  role(
    'Storage',
    'What any storage service answers; they share the requests as a queue group.',
    'storage',
    'storage',
    storageMessages,
  ),
  role(
    'Storage: one instance',
    'What the storage service answers that began an upload or a job.',
    'storage.at',
    'storage.at.<instance>',
    storageInstanceMessages,
  ),
];

export interface PublishedDocument {
  /** Name of the file of its schema. */
  readonly name: string;
  readonly title: string;
  /** The subject, or bucket and key, that it goes to. */
  readonly place: string;
  readonly schema: TSchema;
  readonly example: object;
}

export const PUBLISHED_REQUEST: PublishedDocument = {
  name: 'checkpoint-request',
  title: 'A checkpoint request',
  place: `${PREFIX}.request.checkpoint`,
  schema: CheckpointRequest,
  example: exampleCheckpointRequest,
};

export const PUBLISHED_EVENTS: readonly PublishedDocument[] = exampleEvents.map(({ event, subject }) => ({
  name: `event.${event.type}`,
  title: `The event ${event.type}`,
  place: subject,
  schema: EVENTS[event.type],
  example: event,
}));

const record = (name: string, place: string, schema: TSchema, example: object): PublishedDocument => ({
  name: `record.${name}`,
  title: `The record of ${place}`,
  place,
  schema,
  example,
});

export const PUBLISHED_RECORDS: readonly PublishedDocument[] = [
  record('worker', `${BUCKETS.workers}/<worker>`, WorkerRecord, exampleWorker),
  record('checkpoint', `${BUCKETS.checkpoints}/<checkpoint>`, CheckpointRecord, exampleCheckpoint),
  record('tree', `${BUCKETS.trees}/<tree>`, TreeRecord, exampleTree),
  record('leader', `${BUCKETS.control}/leader`, LeaderRecord, exampleControl.leader),
  record('trees', `${BUCKETS.control}/trees`, TreesRecord, exampleControl.trees),
  record('schedules', `${BUCKETS.control}/schedules`, SchedulesRecord, exampleControl.schedules),
  record('retention', `${BUCKETS.control}/retention`, RetentionRecord, exampleControl.retention),
  record('upkeep', `${BUCKETS.control}/upkeep`, UpkeepRecord, exampleControl.upkeep),
  record('key', `${BUCKETS.keys}/<SHA-256 of the key>`, KeyRecord, exampleControl.key),
];

/** The request as it is sent. */
export const wholeRequest = ({ request }: Definition): TSchema =>
  Type.Object({ version: Type.Literal(PROTOCOL_VERSION), ...request.properties });

/** The reply as it is sent, when all went well. */
export const wholeReply = ({ reply }: Definition): TSchema =>
  Type.Object({ ok: Type.Literal(true), ...reply.properties });

/** All schemas as files have them, by name. */
export function publishedSchemas(): ReadonlyMap<string, object> {
  const schemas = new Map<string, object>();
  const add = (name: string, title: string, schema: TSchema): void => {
    const plain = JSON.parse(JSON.stringify(schema)) as object;
    schemas.set(name, { $schema: 'https://json-schema.org/draft/2020-12/schema', title, ...plain });
  };
  for (const { messages } of PUBLISHED_ROLES)
    for (const { name, definition } of messages) {
      add(`${name}.request`, `A request ${name}`, wholeRequest(definition));
      add(`${name}.reply`, `A reply to ${name}`, wholeReply(definition));
    }
  add('failed.reply', 'A reply to any request that could not be done', FailedReply);
  for (const { name, title, schema } of [PUBLISHED_REQUEST, ...PUBLISHED_EVENTS, ...PUBLISHED_RECORDS])
    add(name, title, schema);
  return schemas;
}
