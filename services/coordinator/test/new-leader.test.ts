import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@ckptree/client';
import { CkptError } from '@ckptree/errors';
import {
  type CheckpointRecord,
  CONTROL_KEYS,
  type Connection,
  coordinator,
  EventPublisher,
  type Records,
  readEvents,
  recordsOf,
  request,
  serveAll,
  type TreeRecord,
  worker,
} from '@ckptree/protocol';
import { newManifestId, Store } from '@ckptree/store';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { MemoryBackend } from '../../../packages/store/test/support/memory-backend.js';
import { Telling } from '../dist/cluster/telling.js';
import { lead } from '../dist/lead.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { heartbeat } from './support/heartbeat.js';
import { until } from './support/test-cluster.js';

let bare: BareCluster;
let connection: Connection;
let records: Records;
/** What leaders complained of. */
let errors: unknown[];
const beats = new Set<NodeJS.Timeout>();
beforeEach(async () => {
  bare = await bareCluster();
  ({ connection } = bare);
  records = recordsOf(connection);
  errors = [];
});
afterEach(async () => {
  for (const timer of beats) clearInterval(timer);
  beats.clear();
  await bare?.stop();
});

const TREE: TreeRecord = {
  version: 1,
  tree: 't-5f0c6a1b2d3e',
  rootPid: 1,
  workers: ['w1'],
  state: 'running',
  created: '2026-11-23T15:39:26.123Z',
};

/** w1 is there, and says so. */
async function join(): Promise<void> {
  const beat = () => records.workers.put('w1', heartbeat('w1'));
  await beat();
  beats.add(setInterval(() => void beat().catch(() => undefined), 500));
}

type Parts = Parameters<typeof lead>[0];

/** Leads while something is done. */
async function leading(
  work: () => Promise<void>,
  other: Partial<Records> = {},
  store: Parts['store'] = async () => {
    throw new CkptError('ENOENT', 'there is no store here');
  },
): Promise<void> {
  const publisher = new EventPublisher(connection);
  const end = new AbortController();
  const observer = { lost: () => 0, ended: () => 0, look: () => 0, rest: () => 0 };
  const leads = lead(
    {
      connection,
      records: () => ({ ...records, ...other }),
      publisher,
      events: new Telling(publisher, () => undefined),
      store,
      instance: 'coordinator-2',
      observer: observer as unknown as Parts['observer'],
      upkeep: { gc: 0, verify: 0 },
      limits: { leaseMs: 1_000, describeMs: 1_000, dumpMs: 1_000, commitMs: 1_000 },
      onError: (error) => errors.push(error),
    },
    { number: 2, signal: end.signal },
  );
  try {
    await work();
  } finally {
    end.abort(new CkptError('EPERM', 'the term is over'));
    await leads.catch(() => undefined);
    await publisher.close();
  }
}

test('a worker that is heard a little later than the term begins is not lost, nor is its tree at an end', async () => {
  await records.trees.put(TREE.tree, TREE);
  const { fragments, living } = worker('w1');
  const served = serveAll(
    connection,
    { fragments, living },
    {
      fragments: async () => ({ tasks: 1, roots: [{ pid: 1, ppid: 0 }] }),
      living: async () => ({ pids: [1] }),
    },
  );
  await leading(async () => {
    const began = performance.now();
    await until(() => performance.now() - began > 2_500);
    await join();
    await until(() => performance.now() - began > 8_000);
    expect((await records.trees.get(TREE.tree))?.value).toEqual(TREE);
  });
  await served.stop();
});

test('a checkpoint that a worker holds and nobody has a record of is told of as it is called, if it is complete', async () => {
  const store = await Store.initBackend(new MemoryBackend());
  const image = buildImage([{ pid: 1, ppid: 0, pages: pages(2) }]);
  const labels = { kind: 'test' };
  const { id } = await put(store, image, { name: 'nightly', labels });
  await join();
  const { held, release } = worker('w1');
  const served = serveAll(
    connection,
    { held, release },
    {
      held: async () => ({ trees: [], checkpoints: [{ checkpoint: id, pid: 1, tree: TREE.tree }] }),
      release: async () => ({}),
    },
  );
  const recorded = async () => (await records.checkpoints.get(id))?.value;
  await leading(
    async () => {
      await until(async () => (await recorded())?.announced === true);
      expect(await recorded()).toMatchObject({ state: 'completed', request: { name: 'nightly', labels } });
    },
    {},
    async () => store,
  );
  for await (const { event } of readEvents(connection, { from: { at: 'beginning' }, follow: false }))
    if (event.type === 'completed') expect(event).toMatchObject({ checkpoint: id, name: 'nightly', labels });
  await served.stop();
});

test('a leader whose term is over waits for no worker that does not answer', async () => {
  await records.trees.put(TREE.tree, TREE);
  await join();
  const made = (await records.trees.madeAt()) ?? 0;
  await records.allTrees.put(CONTROL_KEYS.trees, { version: 1, made });
  const order: string[] = [];
  const { fragments, ps } = worker('w1');
  const late = async (verb: string): Promise<never> => {
    order.push(verb);
    await until(() => order.includes('over'));
    throw new CkptError('EAGAIN', 'too late');
  };
  const served = serveAll(
    connection,
    { fragments, ps },
    { fragments: () => late('fragments'), ps: () => late('ps') },
  );
  let answer: Promise<unknown> = Promise.resolve();
  await leading(async () => {
    await until(() =>
      request(connection, coordinator.workers, {}).then(
        () => true,
        () => false,
      ),
    );
    answer = request(connection, coordinator.ps, {}, { timeoutMs: 30_000 });
    answer.catch(() => undefined); // told below
    await until(() => order.includes('fragments') && order.includes('ps'));
  });
  order.push('over');
  await expect(answer).rejects.toMatchObject({ code: 'ERESTART' });
  expect(errors).toEqual([]);
  await served.stop();
});

test('a worker that is not heard is lost, and that is told, with its trees', async () => {
  await records.trees.put(TREE.tree, TREE);
  await leading(() => until(async () => (await records.trees.get(TREE.tree))?.value.lost?.[0] === 'w1'));
  const from = { at: 'beginning' } as const;
  for await (const { event } of readEvents(connection, { from, filter: { type: 'worker.lost' } })) {
    expect(event).toMatchObject({ worker: 'w1', reason: 'silent', trees: [TREE.tree] });
    break;
  }
});

test('a tree that was half started when its leader died gives back what it has', async () => {
  await records.trees.put(TREE.tree, { ...TREE, state: 'starting' });
  await join();
  const asked: string[] = [];
  const { abandon, signal, fragments, disown } = worker('w1');
  const served = serveAll(
    connection,
    { abandon, signal, fragments, disown },
    {
      fragments: async () => ({ tasks: 1, roots: [{ pid: 7, ppid: 6 }] }),
      disown: async ({ parents }) => {
        asked.push(`disown what is below ${parents}`);
        return { gone: 1 };
      },
      abandon: async ({ tree }) => {
        asked.push(`abandon ${tree}`);
        throw new CkptError('EBUSY', 'it runs');
      },
      signal: async ({ tree, roots, signal }) => {
        asked.push(`${signal} ${roots} of ${tree}`);
        return { tasks: 1 };
      },
    },
  );
  await leading(() => until(async () => (await records.trees.get(TREE.tree)) === undefined));
  expect(asked).toEqual([`abandon ${TREE.tree}`, `kill 1 of ${TREE.tree}`, 'disown what is below 6']);
  await served.stop();
});

const now = new Date().toISOString();
const left = (checkpoint: string): CheckpointRecord => ({
  version: 1,
  checkpoint,
  state: 'preparing',
  term: 1,
  owner: 'coordinator-1',
  request: { version: 1, checkpoint, pid: 1, requested: now },
  created: now,
  updated: now,
  system: { release: '6.1', version: '1' },
  workers: [],
});

test.each([
  ['was not made', false],
  ['was made', true],
])(
  'a checkpoint whose end could not be written in time comes to its end: the change %s',
  async (_, isMade) => {
    const id = newManifestId();
    await records.checkpoints.create(id, left(id));
    const { checkpoints } = records;
    let late = true;
    const sluggish = {
      list: checkpoints.list.bind(checkpoints),
      get: checkpoints.get.bind(checkpoints),
      update: async (key: string, value: CheckpointRecord, revision: number) => {
        if (value.state === 'failed' && late) {
          late = false;
          if (isMade) await checkpoints.update(key, value, revision);
          throw new CkptError('ETIMEDOUT', 'JetStream did not answer');
        }
        return checkpoints.update(key, value, revision);
      },
    };
    await leading(() => until(async () => (await checkpoints.get(id))?.value.announced === true), {
      checkpoints: sluggish as unknown as Records['checkpoints'],
    });
    expect((await checkpoints.get(id))?.value).toMatchObject({ state: 'failed' });
  },
);

test('a checkpoint that was left is cancelled by the next leader, however long it takes to read what was left', async () => {
  const id = newManifestId();
  await records.checkpoints.create(id, { ...left(id), state: 'dumping' });
  const { checkpoints } = records;
  const slow = {
    list: async (signal?: AbortSignal) => {
      await sleep(1_000);
      return checkpoints.list(signal);
    },
    get: checkpoints.get.bind(checkpoints),
    update: checkpoints.update.bind(checkpoints),
  };
  const client = await connect({ url: bare.url });
  const others = { checkpoints: slow as unknown as Records['checkpoints'] };
  const storageIsAway = () => new Promise<never>(() => undefined);
  await leading(
    async () => {
      await expect(client.cancel(id)).resolves.toBe('cancelled');
    },
    others,
    storageIsAway,
  );
  await client.close();
});

test('the checkpoints that ended last are told, and not all records read for that', async () => {
  const ids = [newManifestId(new Date(1e12)), newManifestId(new Date(2e12))];
  for (const id of ids)
    await records.checkpoints.create(id, { ...left(id), state: 'cancelled', announced: true });
  const { checkpoints } = records;
  let listed = 0;
  const counted = {
    list: (signal?: AbortSignal) => {
      listed++;
      return checkpoints.list(signal);
    },
  };
  const client = await connect({ url: bare.url });
  await leading(
    async () => {
      for (let asked = 0; asked < 2; asked++)
        expect((await client.checkpoints()).map(({ checkpoint }) => checkpoint)).toEqual(ids.toReversed());
      expect(listed).toBe(1);
    },
    { checkpoints: counted as unknown as Records['checkpoints'] },
  );
  await client.close();
});
