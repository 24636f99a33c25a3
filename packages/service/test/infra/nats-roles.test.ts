import {
  Connection,
  coordinator,
  EventPublisher,
  ensureCluster,
  type NewEvent,
  type Observation,
  queueRequest,
  readEvents,
  recordsOf,
  request,
  SUBJECTS,
  serve,
  storage,
  storageAt,
  takeRequests,
  worker,
} from '@ckptree/protocol';
import { awaitCluster, createLog } from '@ckptree/service';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Nats, passwordOf, USERS, type User } from '../support/nats.js';
import { eventually } from '../support/service.js';

const CHECKPOINT = '20261123t153926123-7f3a9c2e';
const TREE = 't-5f0c6a1b2d3e';
const AT = '2026-11-23T15:39:26.123Z';

describe('packages/protocol does its work with the permissions of infra/nats', () => {
  let nats: Nats;
  let as: Readonly<Record<User, Connection>>;
  const refused: string[] = [];
  const observed: Observation[] = [];

  beforeAll(async () => {
    nats = await Nats.start('nats-server.conf');
    const open = (user: User) =>
      Connection.open({
        url: nats.url,
        name: `the ${user}`,
        user,
        password: passwordOf(user),
        inboxPrefix: `_INBOX_${user}`,
        onError: ({ message }) => refused.push(message),
        observe: (observation) => observed.push(observation),
      });
    const opened = await Promise.all(USERS.map(async (user) => [user, await open(user)] as const));
    as = Object.fromEntries(opened) as Record<User, Connection>;
  });
  afterAll(async () => {
    for (const connection of Object.values(as)) await connection.close();
    await nats.stop();
  });

  test('a worker waits until the coordinator has made the streams', async () => {
    const log = createLog({ role: 'worker', id: 'w1' }, 'fatal');
    let isThere = false;
    const { signal } = new AbortController();
    const waiting = awaitCluster(as.worker, { log, signal }).then(() => {
      isThere = true;
    });
    await as.coordinator.flush();
    expect(isThere).toBe(false);
    await expect(awaitCluster(as.worker, { log, signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(isThere).toBe(false);
    await ensureCluster(as.coordinator);
    await waiting;
    expect(refused).toEqual([]);
  });

  test('the coordinator may make the streams again, and nobody else', async () => {
    await ensureCluster(as.coordinator, { eventsMaxBytes: 2 ** 29 });
    for (const user of ['client', 'worker', 'storage'] as const)
      await expect(ensureCluster(as[user])).rejects.toMatchObject({ code: 'EPERM' });
    refused.splice(0);
  });

  test('a request of a client is taken by the coordinator, once, and its events reach the client', async () => {
    const asked = { version: 1, checkpoint: CHECKPOINT, pid: 1, requested: AT } as const;
    await queueRequest(as.client, asked);
    const stop = new AbortController();
    for await (const taken of takeRequests(as.coordinator, { signal: stop.signal })) {
      expect(taken.request).toEqual(asked);
      expect(await taken.ack()).toBe(true);
      stop.abort();
    }
    const events: readonly [User, NewEvent][] = [
      ['coordinator', { type: 'accepted', checkpoint: CHECKPOINT, pid: 1 }],
      ['worker', { type: 'progress', checkpoint: CHECKPOINT, pid: 1, worker: 'w1', bytes: 1, totalBytes: 2 }],
      ['coordinator', { type: 'cancelled', checkpoint: CHECKPOINT, pid: 1 }],
      ['coordinator', { type: 'worker.joined', worker: 'w1', host: 'a' }],
    ];
    for (const [index, [user, event]] of events.entries()) {
      const publisher = new EventPublisher(as[user]);
      await publisher.publish(event, `${CHECKPOINT}.${index}`);
      await publisher.close();
    }
    const types: string[] = [];
    for await (const { event } of readEvents(as.client, { from: { at: 'beginning' }, follow: false }))
      types.push(event.type);
    expect(types).toEqual(events.map(([, { type }]) => type));
  });

  test('neither a client nor a worker can tell how a checkpoint ended', async () => {
    for (const user of ['client', 'worker'] as const) {
      const publisher = new EventPublisher(as[user]);
      const forged: NewEvent = { type: 'cancelled', checkpoint: CHECKPOINT, pid: 1 };
      await expect(publisher.publish(forged, `forged-${user}`)).rejects.toMatchObject({ code: 'EPERM' });
      await publisher.close();
    }
    refused.splice(0);
  });

  test('records: the worker its registration, the client its keys, the coordinator all', async () => {
    const mine = recordsOf(as.worker).workers;
    const figures = { cpus: 1, memoryBytes: 1, tasks: 1 };
    const registration = {
      version: 1,
      worker: 'w1',
      host: 'a',
      process: 1,
      software: '0.1.0',
      started: AT,
      at: AT,
      state: 'serving',
      capacity: figures,
      load: { tasks: 0, memoryBytes: 0, dumps: 0 },
    } as const;
    await mine.put('w1', registration);
    expect((await mine.get('w1'))?.value).toEqual(registration);
    const all = recordsOf(as.coordinator);
    expect((await all.workers.list()).map(({ key }) => key)).toEqual(['w1']);
    expect(await all.trees.list()).toEqual([]);
    expect(await all.checkpoints.list()).toEqual([]);
    const leader = { version: 1, instance: 'coordinator-1', term: 1, at: AT } as const;
    const revision = await all.leader.create('leader', leader);
    expect(await all.leader.update('leader', { ...leader, term: 2 }, revision!)).toBeDefined();
    const keys = recordsOf(as.client).keys;
    expect(await keys.create('k1', { version: 1, id: CHECKPOINT })).toBeDefined();
    expect(await keys.create('k1', { version: 1, id: 'other' })).toBeUndefined();
    expect((await keys.get('k1'))?.value.id).toBe(CHECKPOINT);
    expect(refused).toEqual([]);
    await expect(recordsOf(as.client).leader.put('leader', leader)).rejects.toMatchObject({ code: 'EPERM' });
    await expect(recordsOf(as.worker).keys.get('k1')).rejects.toMatchObject({ code: 'EPERM' });
    refused.splice(0);
  });

  test('requests are answered along the ways of the cluster, and along no others', async () => {
    const served = [
      serve(as.coordinator, coordinator.unschedule, async () => ({})),
      serve(as.worker, worker('w1').start, async () => ({ tasks: 6 })),
      serve(
        as.storage,
        storage.info,
        async () => ({ instance: 's1', store: '/s', storeId: '0'.repeat(32), pieceBytes: 1 }),
        {
          queue: 'storage',
        },
      ),
      serve(as.storage, storageAt('s1').drop, async () => ({})),
    ];
    await Promise.all([as.coordinator.flush(), as.worker.flush(), as.storage.flush()]);
    await request(as.client, coordinator.unschedule, { schedule: 's-1' });
    expect(await request(as.coordinator, worker('w1').start, { tree: TREE })).toMatchObject({ tasks: 6 });
    for (const user of ['client', 'worker', 'coordinator'] as const)
      expect(await request(as[user], storage.info, {})).toMatchObject({ instance: 's1' });
    await request(as.worker, storageAt('s1').drop, { upload: '9c2e51b7d8460f3a' });
    expect(refused).toEqual([]);
    const eperm = { code: 'EPERM' };
    await expect(request(as.client, worker('w1').start, { tree: TREE })).rejects.toMatchObject(eperm);
    await expect(request(as.worker, worker('w2').start, { tree: TREE })).rejects.toMatchObject(eperm);
    await expect(request(as.client, storage.gc, {})).rejects.toMatchObject(eperm);
    await expect(request(as.worker, storage.gc, {})).rejects.toMatchObject(eperm);
    await expect(request(as.storage, coordinator.unschedule, { schedule: 's' })).rejects.toMatchObject(eperm);
    for (const each of served) await each.stop();
    refused.splice(0);
  });

  test('what a client makes JetStream deliver to a worker is no request: it has no inbox, and is dropped', async () => {
    const started: string[] = [];
    const served = serve(as.worker, worker('w1').start, async ({ tree }) => {
      started.push(tree);
      return { tasks: 0 };
    });
    await as.worker.flush();
    // A record that a client may write, with what would be a request, to be read to where a client may not publish.
    const plain = await nats.connect('client');
    const content = JSON.stringify({ version: 1, tree: TREE });
    await plain.jetstream().publish('$KV.ckptree-keys.none', content);
    const evil = { last_by_subj: '$KV.ckptree-keys.none' };
    const reply = `${SUBJECTS.worker('w1')}.start`;
    const before = observed.length;
    plain.publish('$JS.API.STREAM.MSG.GET.KV_ckptree-keys', JSON.stringify(evil), { reply });
    await eventually('it is dropped', () =>
      observed.slice(before).some(({ name, outcome }) => name === 'worker.start' && outcome === 'dropped'),
    );
    const coordinatorReads = await nats.connect('coordinator');
    coordinatorReads.publish('$JS.API.DIRECT.GET.KV_ckptree-keys.$KV.ckptree-keys.none', '', { reply });
    await eventually(
      'so is the record as it was written',
      () =>
        observed.slice(before).filter(({ name, outcome }) => name === 'worker.start' && outcome === 'dropped')
          .length === 2,
    );
    expect(started).toEqual([]);
    await served.stop();
  });
});
