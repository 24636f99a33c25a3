import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CkptError } from '@ckptree/errors';
import {
  type CheckpointRecord,
  type Connection,
  EventPublisher,
  readEvents,
  recordsOf,
  type Served,
  serve,
  worker,
} from '@ckptree/protocol';
import { FolderBackend, newManifestId, Store } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { failingDisk } from '../../../packages/store/test/support/failing-disk.js';
import { put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { conclude } from '../dist/checkpoint/conclude.js';
import { RecordKeeper } from '../dist/checkpoint/record-keeper.js';
import { runCheckpoint } from '../dist/checkpoint/run-checkpoint.js';
import { Telling } from '../dist/cluster/telling.js';
import { Workers } from '../dist/cluster/workers.js';
import { ProcessTable } from '../dist/tree/process-table.js';
import { Trees } from '../dist/tree/trees.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { heartbeat } from './support/heartbeat.js';

let bare: BareCluster;
let connection: Connection;
let folder: string;
let store: Store;
beforeAll(async () => {
  bare = await bareCluster();
  ({ connection } = bare);
  folder = await mkdtemp(join(tmpdir(), 'ckptree-commit-'));
  store = await Store.init(folder);
});
afterAll(async () => {
  await store?.close();
  await bare?.stop();
  await rm(folder, { recursive: true, force: true });
});

const NEVER = new AbortController().signal;
const fail = (error: unknown): void => {
  throw error;
};

/**
 * Takes over a checkpoint whose leader died.
 * @param left what it left; nothing said: it put the manifest, and the workers have nothing any more
 */
async function takeOver(
  checkpoint: string,
  left: Partial<CheckpointRecord> = {},
  itsStore = store,
): Promise<CheckpointRecord> {
  const records = recordsOf(connection);
  const now = new Date().toISOString();
  const record: CheckpointRecord = {
    version: 1,
    checkpoint,
    state: 'committing',
    term: 1,
    owner: 'coordinator-1',
    request: { version: 1, checkpoint, pid: 1, requested: now },
    created: now,
    updated: now,
    system: { release: '6.1', version: '1' },
    workers: [],
    durationMs: 1,
    ...left,
  };
  const revision = await records.checkpoints.create(checkpoint, record);
  const publisher = new EventPublisher(connection);
  const trees = await Trees.load(records.trees);
  const workers = new Workers({
    connection,
    workers: records.workers,
    events: publisher,
    treesOn: () => [],
    onJoined: () => undefined,
    onLost: () => undefined,
    onError: fail,
  });
  await workers.ready;
  const keeper = new RecordKeeper(records.checkpoints, record, revision!);
  const limits = { leaseMs: 1_000, describeMs: 1_000, dumpMs: 1_000, commitMs: 1_000 };
  const parts = {
    connection,
    workers,
    trees,
    table: new ProcessTable({ connection, workers, trees }),
    events: new Telling(publisher, fail),
    store: async () => itsStore,
    limits,
  };
  try {
    if (keeper.isOver) await conclude(parts, { keeper, term: NEVER });
    else await runCheckpoint(parts, { keeper, signal: NEVER, term: NEVER });
  } finally {
    await workers.close();
    await publisher.close();
  }
  return (await records.checkpoints.get(checkpoint))!.value;
}

async function eventsOf(checkpoint: string): Promise<string[]> {
  const types: string[] = [];
  const options = { from: { at: 'beginning' }, follow: false, filter: { checkpoint } } as const;
  for await (const { event } of readEvents(connection, options)) types.push(event.type);
  return types;
}

describe('a checkpoint whose leader died while it committed, and that cannot be committed again', () => {
  test('is completed when its manifest is listed', async () => {
    const { id, sizes } = await put(store, buildImage([{ pid: 1, ppid: 0, pages: pages(10) }]));
    await expect(takeOver(id)).resolves.toMatchObject({
      state: 'completed',
      announced: true,
      figures: { logicalBytes: sizes.logical },
    });
    expect(await eventsOf(id)).toEqual(['stored', 'completed']);
  });

  test('has failed, and is listed no more, when the name of its manifest cannot be made durable', async () => {
    const { id } = await put(store, buildImage([{ pid: 1, ppid: 0, pages: pages(11) }]));
    const disk = await FolderBackend.open(folder, { fileSystem: failingDisk(1, false) });
    const failing = await Store.openBackend(disk);
    try {
      await expect(takeOver(id, {}, failing)).resolves.toMatchObject({ state: 'failed', announced: true });
    } finally {
      await failing.close();
    }
    expect(await eventsOf(id)).toEqual(['failed']);
    expect((await store.list()).checkpoints.map((checkpoint) => checkpoint.id)).not.toContain(id);
  });

  test('has failed when it is not', async () => {
    const id = newManifestId();
    await expect(takeOver(id)).resolves.toMatchObject({ state: 'failed', announced: true });
    expect(await eventsOf(id)).toEqual(['failed']);
  });
});

test('a checkpoint that is over is told, and its workers are let go, when its leader died before it had noted that', async () => {
  const id = newManifestId();
  const released: string[] = [];
  const served = serve(connection, worker('w1').release, async ({ checkpoint }) => {
    released.push(checkpoint);
    return {};
  });
  try {
    const left: Partial<CheckpointRecord> = { state: 'completed', workers: ['w1', 'gone'] };
    await expect(takeOver(id, left)).resolves.toMatchObject({ state: 'completed', announced: true });
    expect(released).toEqual([id]);
    expect(await eventsOf(id)).toEqual(['completed']);
  } finally {
    await served.stop();
  }
});

test('a worker that lives, and did not say that it has let go, is told again', async () => {
  const id = newManifestId();
  let told = 0;
  let answer: () => void = () => undefined;
  const served = serve(connection, worker('w2').release, async () => {
    if (++told === 1) await new Promise<void>((resolve) => (answer = resolve));
    return {};
  });
  const beat = () => recordsOf(connection).workers.put('w2', heartbeat('w2'));
  await beat();
  const beats = setInterval(() => void beat(), 500);
  try {
    await expect(takeOver(id, { state: 'completed', workers: ['w2'] })).resolves.toMatchObject({
      announced: true,
    });
    expect(told).toBe(2);
  } finally {
    clearInterval(beats);
    answer();
    await served.stop();
  }
});

describe('a tree that runs', () => {
  const told: string[] = [];
  let busy = 0;
  let served: Served;
  beforeAll(async () => {
    served = serve(connection, worker('w3').signal, async ({ signal }) => {
      told.push(signal);
      if (busy-- > 0) throw new CkptError('EAGAIN', 'there is too much to do; try again');
      return { tasks: 1 };
    });
    const { trees, workers } = recordsOf(connection);
    await trees.put(TREE, {
      version: 1,
      tree: TREE,
      rootPid: 70,
      workers: ['w3'],
      state: 'running',
      created,
    });
    await workers.put('w3', heartbeat('w3'));
  });
  afterAll(() => served.stop());

  const created = new Date().toISOString();
  const TREE = 't-00000000000a';
  const left = (record: Partial<CheckpointRecord>, request: Partial<CheckpointRecord['request']>) => {
    const checkpoint = newManifestId();
    const asked = { version: 1, checkpoint, pid: 70, requested: created, ...request } as const;
    told.length = 0;
    return takeOver(checkpoint, { tree: TREE, ...record, request: asked });
  };

  test('is killed by its checkpoint also on a worker that had too much to do when it was told', async () => {
    busy = 1;
    await expect(left({ state: 'completed' }, { stop: true })).resolves.toMatchObject({ announced: true });
    expect(told).toEqual(['kill', 'kill']);
  });

  test('goes on when the leader died that may have frozen it for its checkpoint, and stays as it is when it had not', async () => {
    const failed = { state: 'failed', announced: true };
    const preparing = (figures: CheckpointRecord['figures']) =>
      left({ state: 'preparing', ...(figures !== undefined && { figures }) }, { leaveFrozen: true });
    await expect(preparing({ prepareMs: 1 })).resolves.toMatchObject(failed);
    expect(told).toEqual(['thaw']);
    await expect(preparing(undefined)).resolves.toMatchObject(failed);
    expect(told).toEqual([]);
  });
});
