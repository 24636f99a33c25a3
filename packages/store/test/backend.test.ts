import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type FileSystem, FolderBackend, realFileSystem } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { backendConformance } from './support/conformance.js';
import { type Change, CrashingFileSystem } from './support/crashing-file-system.js';
import { scratch } from './support/folder.js';
import { Gate } from './support/gate.js';
import { MemoryBackend } from './support/memory-backend.js';
import { Durability, failPower } from './support/power-failure.js';

backendConformance('a folder', async () => FolderBackend.open(await scratch()));
backendConformance('memory', async () => new MemoryBackend());

const isRoot = process.geteuid?.() === 0;

describe('a folder that is not as it should be', () => {
  test('a link in place of an object is not followed, read or written', async () => {
    const path = await scratch();
    const outside = join(await scratch(), 'outside');
    await writeFile(outside, 'precious');
    const backend = await FolderBackend.open(path);
    await backend.put('packs/a', [Buffer.from('x')]);
    await symlink(outside, join(path, 'packs', 'b'));
    await expect(backend.read('packs/b', 0, 10)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await backend.put('packs/b', [Buffer.from('y')])).toBe(false);
    expect(await readFile(outside, 'utf8')).toBe('precious');
    expect(await backend.list('packs')).toEqual([{ name: 'packs/a', size: 1 }]);
    expect(await backend.strays('packs')).toEqual(['packs/b']);
  });

  test('a link in place of a subfolder is refused', async () => {
    const path = await scratch();
    const outside = await scratch();
    await symlink(outside, join(path, 'packs'));
    const backend = await FolderBackend.open(path);
    await expect(backend.put('packs/a', [])).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(backend.list('packs')).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await readdir(outside)).toEqual([]);
  });

  test('a pipe in place of an object does not hang a reader', async () => {
    const path = await scratch();
    const backend = await FolderBackend.open(path);
    await backend.put('packs/a', []);
    expect(spawnSync('mkfifo', [join(path, 'packs', 'p')]).status).toBe(0);
    await expect(backend.read('packs/p', 0, 10)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await backend.strays('packs')).toEqual(['packs/p']);
  });

  test('a subfolder that has gone is not taken for an empty one', async () => {
    const path = await scratch();
    const backend = await FolderBackend.open(path);
    expect(await backend.list('manifests')).toEqual([]);
    await backend.put('manifests/a', []);
    await rm(join(path, 'manifests'), { recursive: true });
    await expect(backend.list('manifests')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a folder that anybody may write to, or that is somebody else’s, is refused', async () => {
    const path = join(await scratch(), 'store');
    await mkdir(path);
    await chmod(path, 0o777);
    await expect(FolderBackend.open(path)).rejects.toMatchObject({
      code: 'EPERM',
      message: `anybody may write to ${path}; take that right away (chmod o-w)`,
    });
    await chmod(path, 0o700);
    if (!isRoot) return;
    await chown(path, 12345, 12345);
    await expect(FolderBackend.open(path)).rejects.toMatchObject({ code: 'EPERM' });
  });

  test('no folder, or a file', async () => {
    const path = await scratch();
    await expect(FolderBackend.open(join(path, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(path, 'file'), '');
    await expect(FolderBackend.open(join(path, 'file'))).rejects.toMatchObject({
      code: 'ENOENT',
      message: `could not open the folder ${join(path, 'file')}: a part of this path is a file and not a folder`,
    });
  });
});

test.each([
  ['was met before', true],
  ['is new', false],
])(
  'what is put into a subfolder that another process is just making, and that %s, survives a power failure',
  async (_, hasMet) => {
    const folder = await scratch();
    const path = join(folder, 'store');
    const durability = new Durability(join(folder, 'kept'));
    const gate = new Gate();
    gate.close(1);
    const changes: Change[] = [];
    const slow = new CrashingFileSystem(durability, async (change) => {
      const isMaking = changes.at(-1) === 'mkdir';
      changes.push(change);
      if (isMaking && existsSync(join(path, 'packs'))) await gate.pass();
    });
    const fast = new CrashingFileSystem(durability, async () => undefined);
    await mkdir(path, { mode: 0o700 });
    const making = (await FolderBackend.open(path, { fileSystem: slow })).put('packs/a', []);
    await gate.reached;
    const backend = await FolderBackend.open(path, { fileSystem: fast });
    if (hasMet) await backend.list('packs');
    await backend.put('packs/b', [Buffer.from('b')]);
    const { atRisk } = durability;
    gate.open();
    await making;
    failPower(atRisk, 'empty');
    expect(await readFile(join(path, 'packs', 'b'), 'utf8')).toBe('b');
  },
);

test.each(['manifests', 'keys'])(
  'what is deleted of %s is gone when that is told, whatever happens then',
  async (kind) => {
    const path = await scratch();
    const calls: string[] = [];
    const fileSystem: FileSystem = {
      ...realFileSystem,
      open: async (opened, ...options) => {
        const file = await realFileSystem.open(opened, ...options);
        return {
          fd: file.fd,
          read: (...parameters) => file.read(...parameters),
          write: (bytes) => file.write(bytes),
          stat: () => file.stat(),
          close: () => file.close(),
          sync: async (...parameters) => {
            await file.sync(...parameters);
            calls.push(`synced ${relative(path, opened)}`);
          },
        };
      },
      unlink: async (name) => {
        await realFileSystem.unlink(name);
        calls.push(`deleted ${relative(path, name)}`);
      },
    };
    const backend = await FolderBackend.open(path, { fileSystem });
    await backend.put(`${kind}/a`, []);
    calls.length = 0;
    await backend.delete(`${kind}/a`);
    expect(calls).toEqual([`deleted ${kind}/a`, `synced ${kind}`]);
  },
);
