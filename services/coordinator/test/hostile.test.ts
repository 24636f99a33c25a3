import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceEvent } from '@ckptree/local-cluster';
import { coordinator, JSON_HEADER, request, STREAMS, storage, worker } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { headers, type MsgHdrs, type NatsConnection } from 'nats';
import { Nats, passwordOf, USERS, type User } from '../../../packages/service/test/support/nats.js';
import { type HostileMessage, hostileMessage, soundMessage } from './support/hostile-message.js';
import { type InvalidCounts, invalidCounts, sumOf } from './support/invalid-counts.js';
import { residentMemory } from './support/resident-memory.js';
import { type Target, targetsOf } from './support/targets.js';
import { type TestCluster, testCluster } from './support/test-cluster.js';

const MESSAGES = 10_000;
/** Under way at once. */
const AT_ONCE = 200;
const ANSWER_MS = 60_000;
/** What has no answer may be counted a little later. */
const [LOOKS, LOOK_MS] = [300, 100];
/** What a service may grow by: messages of several MiB that wait to be looked at, and to be collected. 50 MiB were seen. */
const GROWTH = 160 * 2 ** 20;
/** To see the same messages again, set it to what a failure tells. */
const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31);

let nats: Nats;
let cluster: TestCluster;
const ended: ServiceEvent[] = [];
beforeAll(async () => {
  nats = await Nats.start('nats-server.conf');
  const passwords = USERS.map((user) => [`CKPTREE_NATS_${user.toUpperCase()}_PASSWORD`, passwordOf(user)]);
  cluster = await testCluster(
    {
      natsUrl: nats.url,
      env: { PATH: process.env.PATH, ...Object.fromEntries(passwords) },
      onEvent: (event) => {
        if (event.type !== 'ready') ended.push(event);
      },
    },
    { user: 'client', password: passwordOf('client') },
  );
});
afterAll(async () => {
  await cluster?.stop();
  await nats?.stop();
});

/** Where requests are taken, and no answers. */
const NO_INBOX = coordinator.ps.subject;

/** How a message comes, and where it wants its answer. */
const WAYS = ['asked', "at another's inbox", 'nowhere', 'no inbox'] as const;

interface Attack {
  readonly target: Target;
  readonly asker: User;
  readonly way: (typeof WAYS)[number];
  readonly message: HostileMessage;
}

/** What services drop may even be sound: it must not be done. What waits in a stream has no way back, and would be. */
function attackOn(target: Target): fc.Arbitrary<Attack> {
  const hostile = hostileMessage(target.definition);
  const any = fc.oneof(hostile, fc.constant(soundMessage(target.definition)));
  return fc
    .tuple(fc.constantFrom(...target.askers), fc.constantFrom(...WAYS, 'asked' as const, 'asked' as const))
    .chain(([asker, way]) =>
      (isAnswered(way) || target.isQueue ? hostile : any).map((message) => ({ target, asker, way, message })),
    );
}

const isAnswered = (way: Attack['way']): boolean => way === 'asked' || way === "at another's inbox";

/** What is wrong with the answer, if anything is. */
async function attack(connection: NatsConnection, { target, asker, way, message }: Attack): Promise<unknown> {
  const { subject, isQueue } = target;
  const options = message.header === undefined ? {} : { headers: headerOf(message.header) };
  if (way !== 'asked') {
    const other = USERS.find((user) => user !== asker)!;
    const reply = { "at another's inbox": `_INBOX_${other}.x`, 'no inbox': NO_INBOX };
    connection.publish(subject, message.content, {
      ...options,
      ...(way !== 'nowhere' && { reply: reply[way] }),
    });
    return undefined;
  }
  const answer = await connection.request(subject, message.content, { timeout: ANSWER_MS, ...options });
  const told = answer.json<{ ok?: boolean; stream?: string; error?: { code?: string } }>();
  const isRight = isQueue
    ? told.stream === STREAMS.requests || told.error !== undefined
    : told.ok === false && told.error?.code === message.code;
  return isRight ? undefined : told;
}

function headerOf(json: string): MsgHdrs {
  const head = headers();
  head.set(JSON_HEADER, json);
  return head;
}

/** What metrics must say of all these: the empty messages by which it was found out who may publish where are among them. */
function countsOf(attacks: readonly Attack[], targets: readonly Target[]): InvalidCounts {
  const counts = { invalid: {} as Record<string, number>, dropped: {} as Record<string, number> };
  const add = ({ name, isQueue }: Target, isDropped: boolean, count: number): void => {
    const kind = counts[isDropped && !isQueue ? 'dropped' : 'invalid'];
    kind[name] = (kind[name] ?? 0) + count;
  };
  for (const target of targets) add(target, true, target.askers.length);
  // What is too large for the stream never comes to anybody.
  for (const { target, way, message } of attacks)
    if (!target.isQueue || message.content.length <= target.definition.maxBytes)
      add(target, !isAnswered(way), 1);
  // The stream tells whatever subject it is told to whether it has the message: that is no request either.
  const misled = attacks.filter(({ target, way }) => target.isQueue && way === 'no inbox').length;
  add(targets.find(({ subject }) => subject === NO_INBOX)!, true, misled);
  return counts;
}

test('any message to any subject is answered or counted, and harms nobody', async () => {
  const { client, cluster: services } = cluster;
  const processes = services.ids.map((id) => services.get(id));
  const pids = processes.map(({ pid }) => pid);
  const urls = (await Promise.all(processes.map(({ ready }) => ready))).map(({ url }) => url);
  expect(sumOf(await invalidCounts(urls))).toBe(0);

  const connected = USERS.map(async (user) => [user, await nats.connect(user)] as const);
  const connections = Object.fromEntries(await Promise.all(connected)) as Record<User, NatsConnection>;
  const targets = await targetsOf(cluster, connections);
  expect(targets.filter(({ askers }) => askers.length === 0)).toEqual([]);
  const before = await Promise.all(pids.map(residentMemory));

  const attacks = fc.sample(fc.oneof(...targets.map(attackOn)), { seed: SEED, numRuns: MESSAGES });
  const wrong: object[] = [];
  for (let at = 0; at < attacks.length; at += AT_ONCE)
    await Promise.all(
      attacks.slice(at, at + AT_ONCE).map(async (one) => {
        const { target, asker, way, message } = one;
        const found = await attack(connections[asker], one).catch((error: unknown) => String(error));
        const { fault, code, header } = message;
        const start = (header ?? Buffer.from(message.content).toString('latin1')).slice(0, 200);
        if (found !== undefined) wrong.push({ to: target.name, asker, way, fault, code, start, found });
      }),
    );
  expect({ seed: SEED, wrong: wrong.slice(0, 5) }).toEqual({ seed: SEED, wrong: [] });

  // At once: with the time that a caller has who says nothing of it.
  expect(await client.workers({ timeoutMs: 5_000 })).toHaveLength(1);
  expect(await client.ps({ timeoutMs: 10_000 })).toEqual({ tasks: [], missing: [] });
  expect(await request(client.connection, storage.info, {})).toMatchObject({ storeId: expect.any(String) });
  const asked = JSON.stringify({ version: 1 });
  const { held } = worker('worker-1');
  const answer = await connections.coordinator.request(held.subject, asked, {
    timeout: held.definition.timeoutMs,
  });
  expect(answer.json()).toEqual({ ok: true, trees: [], loaded: [], checkpoints: [] });

  const expected = countsOf(attacks, targets);
  for (let looks = 0; looks < LOOKS && sumOf(await invalidCounts(urls)) < sumOf(expected); looks++)
    await sleep(LOOK_MS);
  expect({ seed: SEED, ...(await invalidCounts(urls)) }).toEqual({ seed: SEED, ...expected });
  expect(processes.map(({ pid, isRunning }) => isRunning && pid)).toEqual(pids);
  expect(services.ids.map((id) => services.get(id).pid)).toEqual(pids);
  expect(ended).toEqual([]);
  const after = await Promise.all(pids.map(residentMemory));
  for (const [index, { most }] of after.entries()) expect(most - before[index]!.now).toBeLessThan(GROWTH);
});
