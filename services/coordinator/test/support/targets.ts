import { type CheckpointRequest, type Definition, request, storage } from '@ckptree/protocol';
import { PUBLISHED_REQUEST, PUBLISHED_ROLES } from '@ckptree/protocol/reference';
import type { NatsConnection } from 'nats';
import { Refusals, USERS, type User } from '../../../../packages/service/test/support/nats.js';
import type { TestCluster } from './test-cluster.js';

/** A subject at which services take requests. */
export interface Target {
  /** What metrics call what comes there. */
  readonly name: string;
  readonly subject: string;
  readonly definition: Definition;
  /** It is a stream: the answer is that of the server, and says nothing of what is in the message. */
  readonly isQueue: boolean;
  /** The roles whose users may publish there. */
  readonly askers: readonly User[];
}

/** Requests that wait in a stream, as if they were like all others. */
const queued: Omit<Target, 'askers'> = {
  name: PUBLISHED_REQUEST.name,
  subject: PUBLISHED_REQUEST.place,
  definition: {
    summary: PUBLISHED_REQUEST.title,
    request: PUBLISHED_REQUEST.schema as unknown as Definition['request'],
    reply: { type: 'object', properties: {} } as unknown as Definition['reply'],
    maxBytes: 2 ** 16,
    timeoutMs: 5_000,
    example: { request: PUBLISHED_REQUEST.example as CheckpointRequest, reply: {} },
  },
  isQueue: true,
};

/**
 * Every subject of the protocol where this cluster takes requests, and whoever may publish there: that is tried, with an
 * empty message that has nowhere to be answered to.
 */
export async function targetsOf(
  { client }: TestCluster,
  connections: Readonly<Record<User, NatsConnection>>,
): Promise<Target[]> {
  const { instance } = await request(client.connection, storage.info, {});
  const place = (subject: string): string =>
    subject.replace('<worker>', 'worker-1').replace('<instance>', instance);
  const published = PUBLISHED_ROLES.flatMap(({ messages }) => messages);
  const all = [...published.map((one) => ({ ...one, subject: place(one.subject), isQueue: false })), queued];
  const subjects = all.map(({ subject }) => subject);
  const refused = new Map<User, readonly string[]>();
  for (const user of USERS) refused.set(user, await new Refusals(connections[user]).ofPublishing(subjects));
  return all.map((target) => ({
    ...target,
    askers: USERS.filter((user) => refused.get(user)?.includes(target.subject) === false),
  }));
}
