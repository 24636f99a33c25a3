import { PREFIX, PROTOCOL_VERSION } from '../messages/definition.js';
import { BUCKETS, JSON_HEADER, STREAMS } from '../subjects.js';
import { fieldRows } from './fields.js';
import {
  PUBLISHED_EVENTS,
  PUBLISHED_RECORDS,
  PUBLISHED_REQUEST,
  PUBLISHED_ROLES,
  type PublishedDocument,
  type PublishedMessage,
  type PublishedRole,
} from './published.js';

/** The page about the protocol: docs/protocol.md. */
export const protocolPage = (): string =>
  `${[
    introduction(),
    ...PUBLISHED_ROLES.map(roleChapter),
    requestChapter(),
    eventChapter(),
    recordChapter(),
  ].join('\n\n')}\n`;

function introduction(): string {
  return `# Protocol

Written by \`npm run write-schemas -w packages/protocol\` from the schemas in \`packages/protocol/src\`; a test holds it to them.

The services of a cluster speak JSON over NATS. Any NATS client can drive one: with the \`nats\` command
(https://github.com/nats-io/natscli),

\`\`\`sh
nats req ${PREFIX}.coordinator.ps '{"version":${PROTOCOL_VERSION}}'
nats req ${PREFIX}.request.checkpoint -H Nats-Msg-Id:20261123t153926123-7f3a9c2e \\
  '{"version":${PROTOCOL_VERSION},"checkpoint":"20261123t153926123-7f3a9c2e","pid":1,"requested":"2026-11-23T15:39:26.123Z"}'
nats sub '${PREFIX}.event.checkpoint.20261123t153926123-7f3a9c2e.*'
nats stream view ${STREAMS.events}
nats kv watch ${BUCKETS.workers}
\`\`\`

- **Versions.** Each subject begins with \`${PREFIX}\`, each message says \`"version": ${PROTOCOL_VERSION}\`. Another version is refused with EINVAL for
  \`/version\`. Fields that are not known are ignored.
- **Replies** are \`{"ok": true, ...}\` or \`{"ok": false, "error": {"code", "message", "fields", "cause"?}}\`. Errors are told apart by
  \`code\` (packages/errors). ERESTART says that the coordinator ended in order over the request: send it again as it is. A message that breaks its schema, or is larger than its limit, gets EINVAL or E2BIG, with the field as a JSON pointer in
  \`fields.field\`; without a reply subject it is dropped. Both are counted (\`/metrics\`).
- **Bytes.** Where a request or a reply has a payload, the content of the NATS message is that, and the JSON stands in the header
  \`${JSON_HEADER}\`.
- **Documents.** JSON that may be large stands in a field as \`{"value": ...}\` or, gzipped and in pages, as \`{"document", "pages"}\`: pages to a
  worker are sent to \`worker.<worker>.document\` before, pages from it are fetched from \`worker.<worker>.page\` after.
- **Schemas** (JSON Schema, draft 2020-12) are in \`packages/protocol/schemas\`: \`<name>.request.json\` and \`<name>.reply.json\`,
  \`event.<type>.json\`, \`record.<name>.json\`.
- **Streams.** \`${STREAMS.events}\` keeps all events, \`${STREAMS.requests}\` is the work queue of checkpoint requests. Both take a message id
  (\`Nats-Msg-Id\`) that makes what is sent twice one.`;
}

function roleChapter({ title, about, messages }: PublishedRole): string {
  return [`## ${title}`, about, ...messages.map(messageSection)].join('\n\n');
}

function messageSection({ name, subject, definition }: PublishedMessage): string {
  const { summary, request, reply, payload, maxBytes, timeoutMs, example } = definition;
  const limits = `At most ${bytesText(maxBytes)}; a caller waits ${timeoutMs / 1_000} s unless told otherwise.`;
  const asked = { version: PROTOCOL_VERSION, ...example.request };
  return [
    `### ${name}`,
    `\`${subject}\``,
    `${summary} ${limits}`,
    ...fieldTable('Request', request, payload?.request),
    ...fieldTable('Reply', reply, payload?.reply),
    ['```sh', commandFor(subject, asked, payload?.request !== undefined), '```', ''].join('\n').trim(),
    jsonBlock({ ok: true, ...example.reply }),
  ].join('\n\n');
}

const commandFor = (subject: string, message: object, binary: boolean): string => {
  const place = subject.replace('<worker>', 'worker-1').replace('<instance>', 'storage-1');
  const json = JSON.stringify(message);
  return binary ? `nats req ${place} -H '${JSON_HEADER}:${json}' < CONTENT` : `nats req ${place} '${json}'`;
};

function fieldTable(title: string, schema: object, payload: string | undefined): string[] {
  const rows = [
    ...fieldRows(schema),
    ...(payload === undefined ? [] : [`| _payload_ | bytes | ${payload} |`]),
  ];
  if (rows.length === 0) return [`${title}: no fields.`];
  return [[`| ${title} | type | meaning |`, '| --- | --- | --- |', ...rows].join('\n')];
}

function requestChapter(): string {
  const { place, schema, example } = PUBLISHED_REQUEST;
  return [
    '## Checkpoint requests',
    `\`${place}\`, a work queue: JetStream's acknowledgement means that the request will be dealt with, once, by the coordinator that leads, or the
next one. Who asks makes the id: the time as \`YYYYMMDDthhmmssmmm\`, \`-\`, and 8 random hexadecimal digits.`,
    ...fieldTable('Request', schema, undefined),
    jsonBlock(example),
  ].join('\n\n');
}

function eventChapter(): string {
  return [
    '## Events',
    `Each is stored once, in the order in which things happened to its checkpoint, tree or worker. The sequence of the stream says where a
reader stands: who has seen one goes on at the next.`,
    ...PUBLISHED_EVENTS.map(documentSection),
  ].join('\n\n');
}

function recordChapter(): string {
  return [
    '## Records',
    'Buckets of the key-value store of JetStream. Records are changed by compare-and-set, and only by the services; they are told here for whoever looks.',
    ...PUBLISHED_RECORDS.map(documentSection),
  ].join('\n\n');
}

function documentSection({ name, place, schema, example }: PublishedDocument): string {
  const { description = '' } = schema as { description?: string };
  return [
    `### ${name}`,
    `\`${place}\``,
    ...(description === '' ? [] : [description]),
    ...fieldTable('Field', schema, undefined),
    jsonBlock(example),
  ].join('\n\n');
}

const jsonBlock = (value: object): string => `\`\`\`json\n${JSON.stringify(value)}\n\`\`\``;

const bytesText = (bytes: number): string =>
  bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
