import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NatsBackend } from '@ckptree/carrier';
import { type Connection, exchange, request, storage, storageAt } from '@ckptree/protocol';
import { contentHash, hexId, Store } from '@ckptree/store';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exported, put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { Cluster, eventually, type StorageProcess } from './support/cluster.js';

let cluster: Cluster;
let connection: Connection;
let path: string;
let service: StorageProcess;
let before: string[];

/** Every file of the store and around it that must not change. */
const everything = async (): Promise<string[]> =>
  (await readdir(path, { recursive: true })).filter((name) => !name.startsWith('tmp')).sort();

beforeAll(async () => {
  cluster = await Cluster.start();
  connection = await cluster.connect();
  path = join(await cluster.folder(), 'store');
  service = await cluster.storage(path, ['--max-uploads', '4', '--upload-idle', '1s']);
  const store = await Store.openBackend(await NatsBackend.open(connection), { packSize: 64 * 1024 });
  await put(store, image, { name: 'good' });
  await mkdir(join(path, 'incoming'), { mode: 0o700, recursive: true });
  for (const folder of ['packs', 'manifests', 'tmp', 'leases', 'condemned'])
    await mkdir(join(path, folder), { mode: 0o700, recursive: true });
});
afterAll(() => cluster.end());
beforeEach(async () => {
  before = await everything();
});

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(100) }]);
const hashOf = (bytes: Uint8Array): string => hexId(contentHash().digest(bytes));
const packId = (): string => randomBytes(16).toString('hex');

/** A pack that is sound, with its name. */
async function soundPack(): Promise<{ name: string; bytes: Buffer }> {
  const [file] = await readdir(join(path, 'packs'));
  return { name: `packs/${file}`, bytes: await readFile(join(path, 'packs', file!)) };
}

async function upload(name: string, bytes: Uint8Array, hash = hashOf(bytes), size = bytes.length) {
  const begun = await request(connection, storage.begin, { name, size });
  const at = storageAt(begun.instance);
  const body = { upload: begun.upload, position: 0 };
  if (bytes.length > 0) await exchange(connection, at.piece, body, { payload: bytes });
  return request(connection, at.finish, { upload: begun.upload, hash });
}

const putBytes = (name: string, payload: Uint8Array, lease?: string) =>
  exchange(connection, storage.put, { name, ...(lease !== undefined && { lease }) }, { payload });

/** It refused, kept nothing, and serves as before. */
async function unharmed(): Promise<void> {
  expect(await everything()).toEqual(before);
  const store = await Store.openBackend(await NatsBackend.open(connection));
  const { id } = await store.resolve('good');
  expect((await exported(store, id)).equals(image)).toBe(true);
  await eventually(async () => (await readdir(join(path, 'tmp'))).length === 0);
  expect(service.child.exitCode).toBe(null);
}

describe('what is no object of a store', () => {
  test.each([
    ['a name that nothing has', 'packs/short', 'EPERM'],
    ['a kind that there is not', 'others/0123456789abcdef', 'EPERM'],
    ['what was taken out', `quarantine/packs-${packId()}`, 'EPERM'],
    ['a mark with content', `condemned/${packId()}`, 'E2BIG'],
    ['a lease with content', 'leases/0123456789abcdef.0123456789ab.1.1.1', 'E2BIG'],
    ['a pack that is none', `packs/${packId()}`, 'EIO'],
    ['an index that is none', `index/${packId()}`, 'EIO'],
    ['a key that is none', 'keys/0123456789abcdef', 'EIO'],
    ['a manifest of nobody', '', 'EPERM'],
    ['a second config', 'config', 'EIO'],
  ])('is refused: %s', async (_, name, code) => {
    const object = name || `manifests/${'20261123t153926123-7f3a9c2e'}`;
    await expect(putBytes(object, Buffer.from('nonsense'))).rejects.toMatchObject({ code });
    await unharmed();
  });

  test('is refused: names that lead out of the store', async () => {
    for (const name of ['../x', '/etc/x', 'packs/../../x', 'packs/a/b', '.volume', 'incoming/x', 'tmp/x'])
      await expect(putBytes(name, Buffer.from('x'))).rejects.toMatchObject({
        code: expect.stringMatching(/^(EINVAL|EPERM)$/),
      });
    await unharmed();
  });

  test('is refused: a pack under the name of another, one that is cut off, and one with a changed table', async () => {
    const { bytes } = await soundPack();
    await expect(upload(`packs/${packId()}`, bytes)).rejects.toMatchObject({ code: 'EIO' });
    await expect(upload(`packs/${packId()}`, bytes.subarray(0, -1))).rejects.toMatchObject({ code: 'EIO' });
    const changed = Buffer.from(bytes);
    changed[changed.length - 60]! ^= 1;
    await expect(upload(`packs/${packId()}`, changed)).rejects.toMatchObject({ code: 'EIO' });
    await unharmed();
  });

  test('is refused: a manifest that is none, and one whose lease is over', async () => {
    const name = 'manifests/20261123t153926123-7f3a9c2e';
    const lease = 'leases/0123456789abcdef.0123456789ab.1.1.1';
    await expect(putBytes(name, Buffer.from('{}\n'), lease)).rejects.toMatchObject({ code: 'EIO' });
    const [good] = await readdir(join(path, 'manifests'));
    const manifest = await readFile(join(path, 'manifests', good!));
    await expect(putBytes(name, manifest, lease)).rejects.toMatchObject({ code: 'EIO' });
    await expect(putBytes(`manifests/${good}`, manifest, lease)).rejects.toMatchObject({ code: 'EPERM' });
    await unharmed();
  });

  test('may not be deleted: config, keys, packs in use and marks of packs that are there', async () => {
    const { name } = await soundPack();
    for (const object of ['config', 'keys/0123456789abcdef', name, '.volume', 'tmp/x'])
      await expect(request(connection, storage.delete, { name: object })).rejects.toMatchObject({
        code: expect.stringMatching(/^(EPERM|EINVAL)$/),
      });
    await unharmed();
  });
});

describe('uploads that lie', () => {
  test('about their hash', async () => {
    const { bytes } = await soundPack();
    await expect(upload(`packs/${packId()}`, bytes, '0'.repeat(64))).rejects.toMatchObject({ code: 'EIO' });
    await unharmed();
  });

  test('about their size: more than was said, and less', async () => {
    const { bytes } = await soundPack();
    const more = upload(`packs/${packId()}`, bytes, hashOf(bytes), bytes.length - 1);
    await expect(more).rejects.toMatchObject({ code: 'EINVAL' });
    const less = upload(`packs/${packId()}`, bytes, hashOf(bytes), bytes.length + 1);
    await expect(less).rejects.toMatchObject({ code: 'EINVAL' });
    await unharmed();
  });

  test('about positions: gaps are to be sent again, overlaps are refused', async () => {
    const begun = await request(connection, storage.begin, { name: `packs/${packId()}`, size: 1000 });
    const at = storageAt(begun.instance);
    const piece = (position: number, size: number) =>
      exchange(connection, at.piece, { upload: begun.upload, position }, { payload: Buffer.alloc(size) });
    await piece(0, 100);
    await piece(0, 100);
    await expect(piece(200, 100)).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(piece(50, 100)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(piece(100, 10)).rejects.toMatchObject({ code: 'ENOENT' });
    await unharmed();
  });

  test('of a size that nothing has', async () => {
    const begin = (name: string, size: number) => request(connection, storage.begin, { name, size });
    await expect(begin(`packs/${packId()}`, 2 ** 40)).rejects.toMatchObject({ code: 'E2BIG' });
    await expect(begin('config', 2 ** 20)).rejects.toMatchObject({ code: 'E2BIG' });
    await expect(begin('leases/0123456789abcdef.0123456789ab.1.1.1', 1)).rejects.toMatchObject({
      code: 'E2BIG',
    });
    await unharmed();
  });

  test('and never end are given up, and make room for others', async () => {
    const begin = () => request(connection, storage.begin, { name: `packs/${packId()}`, size: 1000 });
    const begun = await Promise.all([begin(), begin(), begin(), begin()]);
    await expect(begin()).rejects.toMatchObject({ code: 'EBUSY' });
    await eventually(async () => (await service.metric('ckptree_storage_uploads')) === 0);
    const at = storageAt(begun[0]!.instance);
    const late = exchange(
      connection,
      at.piece,
      { upload: begun[0]!.upload, position: 0 },
      { payload: Buffer.alloc(1) },
    );
    await expect(late).rejects.toMatchObject({ code: 'ENOENT' });
    await unharmed();
  });
});

describe('claim checks that lie', () => {
  const claim = (name: string, incoming: string, bytes: Uint8Array, over: object = {}) =>
    request(connection, storage.adopt, {
      name,
      incoming,
      size: bytes.length,
      hash: hashOf(bytes),
      ...over,
    });

  test('about size, hash, or what they are', async () => {
    const { bytes } = await soundPack();
    const name = `packs/${packId()}`;
    await writeFile(join(path, 'incoming', 'file'), bytes, { mode: 0o600 });
    before = await everything();
    const size = { size: bytes.length + 1 };
    await expect(claim(name, 'file', bytes, size)).rejects.toMatchObject({ code: 'EIO' });
    const hash = { hash: '0'.repeat(64) };
    await expect(claim(name, 'file', bytes, hash)).rejects.toMatchObject({ code: 'EIO' });
    await expect(claim(name, 'file', bytes)).rejects.toMatchObject({ code: 'EIO' });
    await expect(claim(name, 'none', bytes)).rejects.toMatchObject({ code: 'ENOENT' });
    await unharmed();
  });

  test('about the parts that make up the hash', async () => {
    const { bytes } = await soundPack();
    const name = `packs/${packId()}`;
    await writeFile(join(path, 'incoming', 'in-parts'), bytes, { mode: 0o600 });
    before = await everything();
    const half = Math.floor(bytes.length / 2);
    const [first, second] = [bytes.subarray(0, half), bytes.subarray(half)].map((part) =>
      contentHash().digest(part),
    );
    const hash = hexId(contentHash().digest(first!, second!));
    const inParts = (parts: number[], over: object = {}) =>
      claim(name, 'in-parts', bytes, { hash, parts, ...over });
    for (const parts of [[half], [half, bytes.length], [half, bytes.length - half, 1], [0, bytes.length]])
      await expect(inParts(parts)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(inParts(new Array(5000).fill(1))).rejects.toMatchObject({ code: 'EINVAL' });
    const others = [half + 1, bytes.length - half - 1];
    await expect(inParts(others)).rejects.toMatchObject({ code: 'EIO' });
    // That of all bytes is not that of the parts.
    const whole = { hash: hashOf(bytes) };
    await expect(inParts([half, bytes.length - half], whole)).rejects.toMatchObject({ code: 'EIO' });
    await unharmed();
  });

  test('with names that lead elsewhere, links, folders, and files that others may write', async () => {
    const { bytes } = await soundPack();
    const name = `packs/${packId()}`;
    const outside = join(path, '..', 'outside');
    await writeFile(outside, bytes, { mode: 0o600 });
    await symlink(outside, join(path, 'incoming', 'symbolic'));
    await mkdir(join(path, 'incoming', 'folder'));
    await writeFile(join(path, 'incoming', 'open'), bytes);
    await chmod(join(path, 'incoming', 'open'), 0o666);
    await link(outside, join(path, 'incoming', 'second'));
    before = await everything();
    for (const [incoming, code] of [
      ['../outside', 'EINVAL'],
      ['symbolic', 'EINVAL'],
      ['folder', 'EPERM'],
      ['open', 'EPERM'],
      // A second name of a plain file is that file: it is looked at, and is no pack of this name.
      ['second', 'EIO'],
    ] as const)
      await expect(claim(name, incoming, bytes)).rejects.toMatchObject({ code });
    expect(await readFile(outside)).toEqual(bytes);
    await unharmed();
  });
});

describe('requests that break their schema', () => {
  test('get an answer, whatever is in them', async () => {
    const wrong = [
      { name: 5, position: 0, length: 1 },
      { name: 'config', position: -1, length: 1 },
      { name: 'config', position: 0, length: 2 ** 50 },
      { name: 'config' },
    ];
    for (const body of wrong)
      await expect(request(connection, storage.read, body as never)).rejects.toMatchObject({
        code: 'EINVAL',
      });
    await expect(
      request(connection, storage.read, { name: 'config', position: 0, length: 8 * 2 ** 20 }),
    ).rejects.toMatchObject({ code: 'E2BIG' });
    await expect(request(connection, storage.list, { kind: '..' })).rejects.toMatchObject({ code: 'EINVAL' });
    await unharmed();
  });
});
