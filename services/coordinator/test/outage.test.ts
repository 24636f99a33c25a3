import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientEvent } from '@ckptree/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkListed, endsIn, eventsOf } from './support/checkpoint-ends.js';
import { runningTree, untilAllGoOn } from './support/running-tree.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';
import type { Wire } from './support/wire.js';

const OUTAGE_MS = 10_000;

let cluster: TestCluster;
let wire: Wire;
beforeAll(async () => {
  cluster = await testCluster({ workers: 3 });
  wire = await cluster.tap();
});
afterAll(() => cluster?.stop());

/** Everything that happens from the beginning on, until it is told to end. */
function watch() {
  const end = new AbortController();
  const seen: ClientEvent[] = [];
  const watching = (async () => {
    const options = { from: 'beginning', signal: end.signal } as const;
    for await (const event of cluster.client.events(options)) seen.push(event);
  })();
  return {
    seen,
    stop: async () => {
      end.abort();
      await watching;
    },
  };
}

async function allEvents(): Promise<ClientEvent[]> {
  const events: ClientEvent[] = [];
  for await (const event of cluster.client.events({ from: 'beginning', follow: false })) events.push(event);
  return events;
}

test.each([
  ['an idle watch', undefined],
  ['a cut', 'prepare'],
  ['a dump', 'status'],
])(
  'nats-server is away for 10 s in the middle of %s: work goes on, every event comes once',
  async (_, verb) => {
    const { client } = cluster;
    const { nats } = cluster.cluster;
    const watched = watch();
    const pid = { idle: 1_000, prepare: 1_100, status: 1_200 }[verb ?? 'idle']!;
    const { tree } = await runningTree(client, pid, 8);
    const ticks = (await client.ps({ tree })).tasks.map((task) => task.ticks);
    let stopping: Promise<void> | undefined;
    const seen =
      verb === undefined
        ? undefined
        : wire.next(
            ({ subject }) => subject === `ckptree.v1.worker.worker-2.${verb}`,
            () => {
              stopping = nats!.stop();
            },
          );
    const checkpoint = verb === undefined ? undefined : await client.checkpoint(pid);
    await seen;
    await (stopping ?? nats!.stop());
    await sleep(OUTAGE_MS);
    await nats!.start();
    await untilAllGoOn(client, tree);
    const now = (await client.ps({ tree })).tasks;
    expect(now).toHaveLength(ticks.length);
    for (const task of now) expect(task.state).not.toBe('frozen');
    if (checkpoint !== undefined) {
      const end = await checkpoint.done.then(
        () => 'completed',
        () => 'failed',
      );
      // A cut whose workers could not be heard within the lease is none.
      if (verb === 'status') expect(end).toBe('completed');
      expect(endsIn(await eventsOf(client, checkpoint.id))).toEqual([end]);
      await checkListed(client, checkpoint.id, end === 'completed');
    }
    const after = await client.checkpoint(pid);
    await after.done;
    await client.kill(pid);
    await until(async () => (await client.ps({ tree })).tasks.every(({ state }) => state === 'zombie'));
    const all = await allEvents();
    await until(() => watched.seen.length >= all.length);
    await watched.stop();
    expect(watched.seen.slice(0, all.length)).toEqual(all);
    expect(all.filter(({ type }) => type === 'worker.lost')).toEqual([]);
  },
);
