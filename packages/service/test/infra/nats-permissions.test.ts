import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  AckPolicy,
  consumerOpts,
  DeliverPolicy,
  type JetStreamManager,
  type NatsConnection,
  RetentionPolicy,
  StringCodec,
} from 'nats';
import { Nats, Refusals, USERS, type User } from '../support/nats.js';
import { eventually } from '../support/service.js';

const text = StringCodec();

/** Subjects, and which users may publish there. */
const PUBLISH: Readonly<Record<string, readonly User[]>> = {
  'ckptree.v1.coordinator.spawn': ['client'],
  'ckptree.v1.coordinator.cancel': ['client'],
  'ckptree.v1.request.checkpoint': ['client', 'coordinator'],
  'ckptree.v1.storage.info': ['client', 'worker', 'storage', 'coordinator'],
  'ckptree.v1.storage.read': ['client', 'worker', 'coordinator'],
  'ckptree.v1.storage.list': ['client', 'worker', 'coordinator'],
  'ckptree.v1.storage.delete': ['worker', 'coordinator'],
  'ckptree.v1.storage.put': ['worker', 'coordinator'],
  'ckptree.v1.storage.begin': ['worker', 'coordinator'],
  'ckptree.v1.storage.adopt': ['worker', 'coordinator'],
  'ckptree.v1.storage.at.storage-1.piece': ['worker', 'coordinator'],
  'ckptree.v1.storage.gc': ['coordinator'],
  'ckptree.v1.storage.verify': ['coordinator'],
  'ckptree.v1.storage.forget': ['coordinator'],
  'ckptree.v1.worker.w1.prepare': ['coordinator'],
  'ckptree.v1.worker.w1.signal': ['coordinator'],
  'ckptree.v1.event.checkpoint.c1.progress': ['worker', 'coordinator'],
  'ckptree.v1.event.checkpoint.c1.completed': ['coordinator'],
  'ckptree.v1.event.tree.t1.task-ended': ['worker', 'coordinator'],
  'ckptree.v1.event.tree.t1.ended': ['coordinator'],
  'ckptree.v1.event.worker.w1.joined': ['coordinator'],
  'ckptree.v1.event.worker.w1.lost': ['coordinator'],
  '_INBOX_client.x.y': ['storage', 'coordinator'],
  '_INBOX_worker.x.y': ['storage'],
  '_INBOX_storage.x.y': ['storage'],
  '_INBOX_coordinator.x.y': ['worker', 'storage'],
  '_INBOX.x.y': [],
  '$KV.ckptree-workers.w1': ['worker'],
  '$KV.ckptree-checkpoints.c1': ['coordinator'],
  '$KV.ckptree-trees.t1': ['coordinator'],
  '$KV.ckptree-control.leader': ['coordinator'],
  '$KV.ckptree-keys.k1': ['client'],
  '$KV.others.k1': [],
  '$JS.API.STREAM.NAMES': ['client'],
  '$JS.API.STREAM.CREATE.CKPTREE_EVENTS': ['coordinator'],
  '$JS.API.STREAM.UPDATE.KV_ckptree-keys': ['coordinator'],
  '$JS.API.STREAM.DELETE.CKPTREE_EVENTS': [],
  '$JS.API.STREAM.PURGE.CKPTREE_EVENTS': [],
  '$JS.API.STREAM.CREATE.others': [],
  '$JS.API.STREAM.MSG.GET.KV_ckptree-keys': ['client'],
  '$JS.API.STREAM.MSG.GET.KV_ckptree-control': ['coordinator'],
  '$JS.API.STREAM.MSG.DELETE.CKPTREE_EVENTS': [],
  '$JS.API.DIRECT.GET.KV_ckptree-keys.$KV.ckptree-keys.k1': [],
  '$JS.API.DIRECT.GET.KV_ckptree-keys.$KV.ckptree-keys.none': ['coordinator'],
  '$JS.API.DIRECT.GET.KV_ckptree-workers.$KV.ckptree-workers.w1': ['worker'],
  '$JS.API.DIRECT.GET.KV_ckptree-control.$KV.ckptree-control.leader': [],
  '$JS.API.CONSUMER.CREATE.CKPTREE_EVENTS.c.ckptree.v1.event.>': ['client'],
  '$JS.API.CONSUMER.CREATE.KV_ckptree-trees.c.$KV.ckptree-trees.>': ['coordinator'],
  '$JS.API.CONSUMER.CREATE.KV_ckptree-keys.c.$KV.ckptree-keys.>': [],
  '$JS.API.CONSUMER.CREATE.CKPTREE_REQUESTS.c': [],
  '$JS.API.CONSUMER.CREATE.CKPTREE_REQUESTS.coordinator': ['coordinator'],
  '$JS.API.CONSUMER.MSG.NEXT.CKPTREE_EVENTS.c': ['client'],
  '$JS.API.CONSUMER.MSG.NEXT.CKPTREE_REQUESTS.c': [],
  '$JS.API.CONSUMER.MSG.NEXT.CKPTREE_REQUESTS.coordinator': ['coordinator'],
  '$JS.ACK.CKPTREE_EVENTS.c.1.1.1.1.0': ['client'],
  '$JS.ACK.CKPTREE_REQUESTS.c.1.1.1.1.0': [],
  '$JS.ACK.CKPTREE_REQUESTS.coordinator.1.1.1.1.0': ['coordinator'],
  '$SYS.REQ.SERVER.PING': [],
  'anything.else': [],
};

/** Subjects, and which users may listen there. */
const SUBSCRIBE: Readonly<Record<string, readonly User[]>> = {
  'ckptree.v1.coordinator.*': ['coordinator'],
  'ckptree.v1.coordinator.spawn': ['coordinator'],
  'ckptree.v1.worker.w1.*': ['worker'],
  'ckptree.v1.storage.*': ['storage'],
  'ckptree.v1.storage.at.storage-1.*': ['storage'],
  'ckptree.v1.request.checkpoint': [],
  'ckptree.v1.event.>': [],
  'ckptree.>': [],
  '_INBOX_client.x.*': ['client'],
  '_INBOX_worker.x.*': ['worker'],
  '_INBOX_storage.x.*': ['storage'],
  '_INBOX_coordinator.x.*': ['coordinator'],
  '_INBOX.x.*': [],
  '$KV.ckptree-keys.>': [],
  '$JS.API.>': [],
  '$SYS.>': [],
  '>': [],
};

const refusedTo = (table: Readonly<Record<string, readonly User[]>>, user: User): string[] =>
  Object.keys(table).filter((subject) => !table[subject]!.includes(user));

describe('the permissions of infra/nats', () => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await Nats.start('nats-server.conf');
  });
  afterAll(() => nats.stop());

  test('nobody gets in without a password, or with that of another role', async () => {
    const refused = { code: 'AUTHORIZATION_VIOLATION' };
    await expect(nats.connect('client', { user: undefined, pass: undefined })).rejects.toMatchObject(refused);
    await expect(nats.connect('client', { pass: 'wrong' })).rejects.toMatchObject(refused);
    await expect(nats.connect('coordinator', { pass: 'pwworker' })).rejects.toMatchObject(refused);
  });

  test.each(USERS)('%s publishes and listens where its role needs it, and nowhere else', async (user) => {
    const refusals = new Refusals(await nats.connect(user));
    expect(await refusals.ofPublishing(Object.keys(PUBLISH))).toEqual(refusedTo(PUBLISH, user));
    expect(await refusals.ofSubscribing(Object.keys(SUBSCRIBE))).toEqual(refusedTo(SUBSCRIBE, user));
  });
});

describe('each role does its work with its permissions', () => {
  let nats: Nats;
  let users: Readonly<Record<User, NatsConnection>>;
  let manager: JetStreamManager;
  const refused: string[] = [];

  beforeAll(async () => {
    nats = await Nats.start('nats-server.conf');
    const connections = await Promise.all(
      USERS.map(async (user) => [user, await nats.connect(user)] as const),
    );
    users = Object.fromEntries(connections) as Record<User, NatsConnection>;
    for (const [user, connection] of connections)
      void (async () => {
        for await (const { permissionContext } of connection.status())
          if (permissionContext !== undefined) refused.push(`${user} ${permissionContext.subject}`);
      })();
    manager = await users.coordinator.jetstreamManager();
    await manager.streams.add({ name: 'CKPTREE_EVENTS', subjects: ['ckptree.v1.event.>'] });
    await manager.streams.add({
      name: 'CKPTREE_REQUESTS',
      subjects: ['ckptree.v1.request.checkpoint'],
      retention: RetentionPolicy.Workqueue,
    });
    const { views } = users.coordinator.jetstream();
    for (const bucket of ['ckptree-checkpoints', 'ckptree-trees', 'ckptree-control', 'ckptree-workers'])
      await views.kv(bucket, { ttl: bucket === 'ckptree-workers' ? 10_000 : 0 });
    await views.kv('ckptree-keys', { allow_direct: false });
  });
  afterAll(() => nats.stop());

  /** Answers with who was asked for what. */
  function serve(user: User, subject: string, queue?: string) {
    const subscription = users[user].subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (_, message) => void message.respond(text.encode(`${user} ${message.subject}`)),
    });
    return users[user].flush().then(() => subscription);
  }

  const ask = async (user: User, subject: string) =>
    text.decode((await users[user].request(subject, '{}', { timeout: 5_000 })).data);

  test('requests are answered: client and coordinator, coordinator and worker, all of them and storage', async () => {
    await serve('coordinator', 'ckptree.v1.coordinator.*');
    await serve('worker', 'ckptree.v1.worker.w1.*');
    await serve('storage', 'ckptree.v1.storage.*', 'storage');
    await serve('storage', 'ckptree.v1.storage.at.storage-1.*');
    const spawn = 'ckptree.v1.coordinator.spawn';
    expect(await ask('client', spawn)).toBe(`coordinator ${spawn}`);
    const prepare = 'ckptree.v1.worker.w1.prepare';
    expect(await ask('coordinator', prepare)).toBe(`worker ${prepare}`);
    const read = 'ckptree.v1.storage.read';
    for (const user of ['client', 'worker', 'coordinator'] as const)
      expect(await ask(user, read)).toBe(`storage ${read}`);
    const piece = 'ckptree.v1.storage.at.storage-1.piece';
    expect(await ask('worker', piece)).toBe(`storage ${piece}`);
    expect(await ask('coordinator', 'ckptree.v1.storage.gc')).toBe('storage ckptree.v1.storage.gc');
  });

  test('a request waits in the work queue, is consumed once, and is acknowledged', async () => {
    const accepted = await users.client
      .jetstream()
      .publish('ckptree.v1.request.checkpoint', '{}', { msgID: 'c1' });
    expect(accepted).toMatchObject({ stream: 'CKPTREE_REQUESTS', duplicate: false });
    await manager.consumers.add('CKPTREE_REQUESTS', {
      durable_name: 'coordinator',
      ack_policy: AckPolicy.Explicit,
    });
    const consumer = await users.coordinator.jetstream().consumers.get('CKPTREE_REQUESTS', 'coordinator');
    const message = await consumer.next({ expires: 5_000 });
    await message?.ackAck();
    expect((await manager.streams.info('CKPTREE_REQUESTS')).state.messages).toBe(0);
  });

  test('events of coordinator and worker reach a client, from any sequence, by every kind of consumer', async () => {
    await users.coordinator.jetstream().publish('ckptree.v1.event.checkpoint.c1.accepted', 'accepted');
    await users.worker.jetstream().publish('ckptree.v1.event.checkpoint.c1.progress', 'progress');
    await users.coordinator.jetstream().publish('ckptree.v1.event.checkpoint.c1.completed', 'completed');
    const jetstream = users.client.jetstream();
    const events = 'CKPTREE_EVENTS';
    const asClient = await users.client.jetstreamManager();
    expect((await asClient.streams.info(events)).state.messages).toBe(3);

    const ordered = await jetstream.consumers.get(events, {
      opt_start_seq: 2,
      deliver_policy: DeliverPolicy.StartSequence,
    });
    expect(await take(ordered, 2)).toEqual(['progress', 'completed']);
    await asClient.consumers.add(events, {
      durable_name: 'mine',
      ack_policy: AckPolicy.Explicit,
      filter_subject: 'ckptree.v1.event.checkpoint.*.accepted',
    });
    const durable = await jetstream.consumers.get(events, 'mine');
    const message = await durable.next({ expires: 5_000 });
    expect(text.decode(message!.data)).toBe('accepted');
    await message!.ackAck();
    expect((await durable.info()).num_ack_pending).toBe(0);
    expect(await asClient.consumers.delete(events, 'mine')).toBe(true);
    const pushed: string[] = [];
    const push = await jetstream.subscribe('ckptree.v1.event.>', consumerOpts().orderedConsumer());
    for await (const { data } of push) if (pushed.push(text.decode(data)) === 3) break;
    expect(pushed).toEqual(['accepted', 'progress', 'completed']);
  });

  async function take(
    consumer: Awaited<ReturnType<ReturnType<NatsConnection['jetstream']>['consumers']['get']>>,
    count: number,
  ) {
    const taken: string[] = [];
    const messages = await consumer.fetch({ max_messages: count, expires: 5_000 });
    for await (const { data } of messages) taken.push(text.decode(data));
    return taken;
  }

  test('a client creates an idempotency key, or reads who was first', async () => {
    const keys = await users.client.jetstream().views.kv('ckptree-keys', { bindOnly: true });
    await keys.create('k1', '{"id":"c1"}');
    await expect(keys.create('k1', '{"id":"c2"}')).rejects.toThrow(/wrong last sequence/);
    expect((await keys.get('k1'))?.string()).toBe('{"id":"c1"}');
  });

  test('a worker registers itself and renews that; the coordinator sees it come', async () => {
    const seen = await users.coordinator.jetstream().views.kv('ckptree-workers', { bindOnly: true });
    const watch = await seen.watch();
    const mine = await users.worker.jetstream().views.kv('ckptree-workers', { bindOnly: true });
    const revision = await mine.create('w1', 'first');
    await mine.update('w1', 'second', revision);
    expect((await mine.get('w1'))?.string()).toBe('second');
    for await (const { key, value } of watch) {
      expect(key).toBe('w1');
      if (text.decode(value) === 'second') break;
    }
    await mine.delete('w1');
    expect((await seen.get('w1'))?.operation).toBe('DEL');
  });

  test('the coordinator keeps its records by compare-and-set', async () => {
    for (const bucket of ['ckptree-checkpoints', 'ckptree-trees']) {
      const kv = await users.coordinator.jetstream().views.kv(bucket, { bindOnly: true });
      const revision = await kv.create('record', '1');
      await kv.update('record', '2', revision);
      await expect(kv.update('record', '3', revision)).rejects.toThrow(/wrong last sequence/);
      expect((await kv.get('record'))?.string()).toBe('2');
      await kv.purge('record');
    }
  });

  test('none of this was refused', () => {
    expect(refused).toEqual([]);
  });

  test('whoever asks cannot make a service publish elsewhere than to an inbox of its role', async () => {
    const heard: string[] = [];
    users.worker.subscribe('ckptree.v1.worker.w2.*', { callback: (_, { subject }) => heard.push(subject) });
    await users.worker.flush();
    await serve('storage', 'ckptree.v1.storage.info');
    users.client.publish('ckptree.v1.storage.info', '{}', { reply: 'ckptree.v1.worker.w2.signal' });
    await eventually('the server refuses the answer of storage', () =>
      refused.includes('storage ckptree.v1.worker.w2.signal'),
    );
    expect(heard).toEqual([]);
  });

  test('what JetStream or a coordinator sends to a subject that a client names has no inbox to be answered to', async () => {
    // NATS itself does not check the subject of a reply. A service is safe if it serves no request without an inbox.
    const replies: string[] = [];
    users.worker.subscribe('ckptree.v1.worker.w3.*', {
      callback: (_, { reply }) => replies.push(reply ?? ''),
    });
    await users.worker.flush();
    const names = ['get', 'next', 'answer'].map((verb) => ({ reply: `ckptree.v1.worker.w3.${verb}` }));
    const asClient = await users.client.jetstreamManager();
    await asClient.consumers.add('CKPTREE_EVENTS', { durable_name: 'evil', ack_policy: AckPolicy.Explicit });
    const last = JSON.stringify({ last_by_subj: '$KV.ckptree-keys.k1' });
    users.client.publish('$JS.API.STREAM.MSG.GET.KV_ckptree-keys', last, names[0]!);
    users.client.publish('$JS.API.CONSUMER.MSG.NEXT.CKPTREE_EVENTS.evil', '{"batch":1}', names[1]!);
    users.client.publish('ckptree.v1.coordinator.ps', '{}', names[2]!);
    await eventually('all three have come', () => replies.length === 3);
    for (const reply of replies) expect(reply).not.toMatch(/^_INBOX/);
  });
});
