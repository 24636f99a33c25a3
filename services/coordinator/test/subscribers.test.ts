import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ClientEvent, connect } from '@ckptree/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endOf } from './support/checkpoint-ends.js';
import { Subscriber, type SubscriberOptions } from './support/subscriber.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

const PAUSE_MS = 60_000;
/** More than one request for events brings: who pauses must not live on what it had. */
const MISSED = 256;
const BURST = 40;
const ROUNDS = 6;
const NOBODY = 4_000_000;

let cluster: TestCluster;
const clients: Client[] = [];
const subscribers: Subscriber[] = [];
beforeAll(async () => {
  cluster = await testCluster({ workers: 2 });
  for (let count = 0; count < 3; count++) clients.push(await connect({ url: cluster.cluster.natsUrl }));
});
afterAll(async () => {
  await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
  for (const client of clients) await client.close();
  await cluster?.stop();
});

function subscribe(options: SubscriberOptions): Subscriber {
  const subscriber = new Subscriber(clients[subscribers.length % clients.length]!, options);
  subscribers.push(subscriber);
  return subscriber;
}

/** What an event says there, whatever its type. */
const field = (event: ClientEvent, name: string): unknown => (event as Record<string, unknown>)[name];
const labelOf = (event: ClientEvent, label: string): unknown =>
  (field(event, 'labels') as Record<string, string> | undefined)?.[label];

async function allEvents(): Promise<ClientEvent[]> {
  const events: ClientEvent[] = [];
  for await (const event of cluster.client.events({ from: 'beginning', follow: false })) events.push(event);
  return events;
}

/** Those that are there before anything happens. @param pause what the last of them waits for */
async function subscribeEarly(pause: Promise<unknown>): Promise<void> {
  const from = 'beginning' as const;
  for (let count = 1; count <= 4; count++)
    subscribe({ title: `all ${count}`, events: { from }, wants: () => true });
  for (const leavesAfter of [1, 7, 50])
    subscribe({ title: `leaves after ${leavesAfter}`, events: { from }, wants: () => true, leavesAfter });
  for (const type of ['completed', 'progress', 'ended'] as const)
    subscribe({ title: type, events: { from, filter: { type } }, wants: (event) => event.type === type });
  const types = ['failed', 'cancelled'] as const;
  subscribe({
    title: 'failures',
    events: { from, filter: { types } },
    wants: ({ type }) => type === 'failed' || type === 'cancelled',
  });
  for (const pid of [1_000, 1_100])
    subscribe({
      title: `root ${pid}`,
      events: { from, filter: { pid } },
      wants: (event) => field(event, 'pid') === pid || field(event, 'rootPid') === pid,
    });
  for (const parity of ['even', 'odd'])
    subscribe({
      title: `label ${parity}`,
      events: { from, filter: { labels: { parity } } },
      wants: (event) => labelOf(event, 'parity') === parity,
    });
  subscribe({
    title: 'name',
    events: { from, filter: { name: 'round-1' } },
    wants: (event) => field(event, 'name') === 'round-1',
  });
  const before = (await allEvents()).at(-1)?.sequence ?? 0;
  await subscribe({ title: 'now', events: {}, wants: ({ sequence }) => sequence > before }).caughtUp;
  subscribe({
    title: 'paused',
    events: { from },
    wants: () => true,
    take: async (_, { length }) => {
      if (length === 2) await pause;
    },
  });
}

function subscribeTo(checkpoint: string): void {
  subscribe({
    title: `checkpoint ${checkpoint}`,
    events: { from: 'beginning', filter: { checkpoint } },
    // That it was restarted is told of the tree.
    wants: (event) => field(event, 'checkpoint') === checkpoint && event.type !== 'restarted',
  });
}

const untilGone = (tree: string): Promise<void> =>
  until(async () => (await cluster.client.ps({ tree })).tasks.every(({ state }) => state === 'zombie'));

/** A tree over two workers is saved, ended, and started again; others come and go. */
async function round(number: number): Promise<void> {
  const { client } = cluster;
  const pid = 1_000 + 100 * number;
  const labels = { parity: number % 2 === 0 ? 'even' : 'odd' };
  const task = { program: 'idle', params: { memoryMiB: 2, forever: true, writesPerTick: 1 } };
  const root = { ...task, pid, children: [{ ...task, pid: pid + 1 }] };
  const placement = { [pid]: 'worker-1', [pid + 1]: 'worker-2' };
  const { tree } = await client.spawn({ root }, { placement, labels, name: `round-${number}` });
  const checkpoint = await client.checkpoint(pid, { labels, name: `round-${number}` });
  if (number === 0) subscribeTo(checkpoint.id);
  await checkpoint.done;
  await client.kill(pid);
  await untilGone(tree);
  const restarted = await client.restart(checkpoint.id, { labels });
  await client.kill(pid);
  await untilGone(restarted.tree);
}

/** A pid is free again when its task has gone. */
const untilNobody = (): Promise<void> => until(async () => (await cluster.client.ps()).tasks.length === 0);

/** Trees that end at once. */
async function burst(): Promise<void> {
  const spec = (pid: number) => ({ root: { pid, program: 'idle', params: { memoryMiB: 0, ticks: 10 } } });
  await Promise.all(Array.from({ length: BURST }, (_, index) => cluster.client.spawn(spec(10_000 + index))));
}

async function failOne(): Promise<void> {
  const checkpoint = await cluster.client.checkpoint(NOBODY);
  subscribeTo(checkpoint.id);
  expect(await endOf(checkpoint)).toMatchObject({ type: 'failed' });
}

/** While storage stands still, a checkpoint cannot come to its end before it is cancelled. */
async function cancelOne(): Promise<void> {
  const { client } = cluster;
  const pid = 900;
  await client.spawn({ root: { pid, program: 'idle', params: { forever: true } } });
  cluster.cluster.get('storage-1').signal('SIGSTOP');
  const checkpoint = await client.checkpoint(pid);
  subscribeTo(checkpoint.id);
  for await (const { type } of checkpoint.events()) if (type === 'resumed') break;
  expect(await checkpoint.cancel()).toBe('cancelled');
  cluster.cluster.get('storage-1').signal('SIGCONT');
  await client.kill(pid);
}

test('twenty subscribers and one that pauses see every event of theirs, in order and once', async () => {
  let missed = 0;
  const pause = sleep(PAUSE_MS).then(() => {
    missed = subscribers[0]!.seen.length;
  });
  await subscribeEarly(pause);
  await failOne();
  await cancelOne();
  for (let number = 0; number < ROUNDS; number++) {
    await round(number);
    await burst();
    await untilNobody();
  }
  await pause;

  const all = await allEvents();
  expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1));
  expect(missed).toBeGreaterThan(MISSED);
  expect(subscribers.length).toBeGreaterThan(20);
  for (const subscriber of subscribers) {
    const { expected, seen } = await subscriber.compared(all);
    expect(expected.length).toBeGreaterThan(0);
    expect({ title: subscriber.title, seen }).toEqual({ title: subscriber.title, seen: expected });
  }
});
