import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { CONTROL_KEYS, recordsOf, serve, storage, storageAt } from '@ckptree/protocol';
import { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { Upkeep } from '../dist/upkeep.js';
import { bareCluster } from './support/bare-cluster.js';
import { testCluster, until } from './support/test-cluster.js';

const PID = 30;
const JOB = '0123456789abcdef';
const COLLECTED = { deletedPacks: 0, freedBytes: 0, rewrittenBytes: 0, waitingPacks: 0, waitingFor: 0 };
const SOUND = { ok: true, checkpoints: 0, packs: 0, chunks: 0, chunksRead: 0, findings: [], damaged: [] };
const SPEC = { root: { pid: PID, program: 'idle', params: { memoryMiB: 4, forever: true } } };

test('what no checkpoint needs is given back, and damage is told, without anybody asking', async () => {
  const cluster = await testCluster({ args: { coordinator: ['--gc-every', '1s', '--verify-every', '1s'] } });
  try {
    const { client, folder } = cluster;
    const path = join(folder, 'store');
    const packs = () => readdir(join(path, 'packs'));
    await client.spawn(SPEC);
    const { id } = await (await client.checkpoint(PID)).done;
    expect(await packs()).not.toEqual([]);
    const store = await Store.open(path);
    await store.forget([id]);
    await store.close();
    await until(async () => (await packs()).length === 0);

    const next = await (await client.checkpoint(PID)).done;
    const manifest = join(path, 'manifests', next.id);
    await writeFile(manifest, (await readFile(manifest)).subarray(1));
    const log = () => readFile(join(folder, 'log/coordinator-1.log'), 'utf8');
    await until(async () => (await log()).includes(`the store is damaged (${next.id})`));
  } finally {
    await cluster.stop();
  }
});

test('what falls due at the same instant is done one after the other', async () => {
  const bare = await bareCluster();
  const { connection } = bare;
  const began: string[] = [];
  const underWay = new Set<string>();
  let most = 0;
  const begin = (kind: 'gc' | 'verify') => async () => {
    began.push(kind);
    underWay.add(kind);
    most = Math.max(most, underWay.size);
    return { instance: 'storage-1', job: JOB };
  };
  const served = [
    serve(connection, storage.gc, begin('gc')),
    serve(connection, storage.verify, begin('verify')),
    serve(connection, storageAt('storage-1').job, async () => {
      await sleep(200);
      const kind = began.at(-1) === 'gc' ? { gc: COLLECTED } : { verify: SOUND };
      underWay.clear();
      return { done: true, ...kind };
    }),
  ];
  const upkeep = await Upkeep.begin({
    connection,
    records: recordsOf(connection).upkeep,
    everyMs: { gc: 500, verify: 500 },
    onError: () => undefined,
  });
  try {
    await until(() => began.length >= 6);
    expect(most).toBe(1);
    expect(new Set(began)).toEqual(new Set(['gc', 'verify']));
  } finally {
    upkeep.close();
    await Promise.all(served.map((one) => one.stop()));
    await bare.stop();
  }
});

test('a leader goes on from what the last one did, and tries again what failed', async () => {
  const bare = await bareCluster();
  const { connection } = bare;
  const records = recordsOf(connection).upkeep;
  const errors: unknown[] = [];
  const asked: number[] = [];
  const begins = serve(connection, storage.gc, async () => ({ instance: 'storage-1', job: JOB }));
  const ends = serve(connection, storageAt('storage-1').job, async () => {
    asked.push(Date.now());
    if (asked.length === 1) throw new CkptError('ENOSPC', 'the disk is full');
    return { done: true, gc: COLLECTED };
  });
  const lead = () =>
    Upkeep.begin({
      connection,
      records,
      everyMs: { gc: 1_000, verify: 0 },
      onError: (error) => errors.push(error),
    });
  try {
    const first = await lead();
    await until(async () => (await records.get(CONTROL_KEYS.upkeep)) !== undefined);
    first.close();
    const last = Date.parse((await records.get(CONTROL_KEYS.upkeep))!.value.gc!);
    expect(errors).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);

    const before = asked.length;
    const next = await lead();
    await until(() => asked.length > before);
    next.close();
    expect(asked.at(-1)! - last).toBeGreaterThanOrEqual(1_000);

    await records.put(CONTROL_KEYS.upkeep, {
      version: 1,
      gc: new Date(Date.now() + 3_600_000).toISOString(),
    });
    const after = asked.length;
    const idle = await lead();
    await sleep(2_500);
    idle.close();
    expect(asked).toHaveLength(after);
  } finally {
    await Promise.all([begins.stop(), ends.stop()]);
    await bare.stop();
  }
});
