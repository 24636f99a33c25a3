import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NatsBackend } from '@ckptree/carrier';
import { type Connection, exchange, request, storage, storageAt } from '@ckptree/protocol';
import { Store } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exported, put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { Cluster, eventually, type StorageProcess } from './support/cluster.js';

const MIB = 2 ** 20;
/** Beside what it may buffer: the program itself, and what the garbage collector has not looked at yet; 395 MiB on a busy machine. */
const PROGRAM = 400 * MIB;
const BUFFERED = 16 * MIB;

let cluster: Cluster;
let path: string;
let service: StorageProcess;
let connection: Connection;

beforeAll(async () => {
  cluster = await Cluster.start();
  path = join(await cluster.folder(), 'store');
  service = await cluster.storage(path, [
    '--max-buffered',
    '16M',
    '--piece-size',
    '1M',
    '--upload-idle',
    '2s',
  ]);
  connection = await cluster.connect();
});
afterAll(() => cluster.end());

/** The most memory that the service ever had, in bytes. */
async function peak(): Promise<number> {
  const status = await readFile(`/proc/${service.child.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** @returns how many succeed; each other one says that there is too much to do, or that it came too late. */
async function all(work: readonly Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(work);
  const codes = results.map((one) =>
    one.status === 'fulfilled' ? 'ok' : (one.reason as { code: string }).code,
  );
  expect(codes.filter((code) => !['ok', 'EBUSY', 'ENOENT'].includes(code))).toEqual([]);
  return codes.filter((code) => code === 'ok').length;
}

const packName = (): string => `packs/${randomBytes(16).toString('hex')}`;

describe('a service that is flooded', () => {
  test('with pieces, beyond all credits, refuses what it has no room for', async () => {
    const piece = Buffer.alloc(MIB, 1);
    const uploads = await Promise.all(
      Array.from({ length: 16 }, () =>
        request(connection, storage.begin, { name: packName(), size: 40 * MIB }, { timeoutMs: 60_000 }),
      ),
    );
    await all(
      uploads.flatMap(({ instance, upload }) =>
        Array.from({ length: 24 }, (_, index) =>
          exchange(
            connection,
            storageAt(instance).piece,
            { upload, position: index * MIB },
            { payload: piece, timeoutMs: 60_000 },
          ),
        ),
      ),
    );
    expect(await peak()).toBeLessThan(PROGRAM + BUFFERED);
  });

  test('with small objects that are not so small', async () => {
    const content = Buffer.alloc(7 * MIB, 1);
    const puts = Array.from({ length: 40 }, () =>
      exchange(connection, storage.put, { name: packName() }, { payload: content, timeoutMs: 60_000 }).catch(
        (error: { code: string }) => {
          if (error.code !== 'EIO') throw error; // it is no pack
        },
      ),
    );
    await all(puts);
    expect(await peak()).toBeLessThan(PROGRAM + BUFFERED);
  });

  test('with reads', async () => {
    const store = await Store.openBackend(await NatsBackend.open(connection));
    await put(store, buildImage([{ pid: 1, ppid: 0, pages: pages(600) }]), { name: 'large' });
    const [pack] = await readdir(join(path, 'packs'));
    const reads = Array.from({ length: 200 }, () =>
      exchange(
        connection,
        storage.read,
        { name: `packs/${pack}`, position: 0, length: MIB },
        { timeoutMs: 60_000 },
      ),
    );
    expect(await all(reads)).toBe(200);
    expect(await peak()).toBeLessThan(PROGRAM + BUFFERED);
  });

  test('serves as before, and has cleaned up', async () => {
    await eventually(async () => (await readdir(join(path, 'tmp'))).length === 0);
    const image = buildImage([{ pid: 1, ppid: 0, pages: pages(300) }]);
    const store = await Store.openBackend(await NatsBackend.open(connection), { packSize: MIB });
    const { id } = await put(store, image);
    expect((await exported(store, id)).equals(image)).toBe(true);
    expect(await service.stop()).toBe(0);
  });
});
