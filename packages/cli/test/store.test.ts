import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ckptree, documentOf, REPOSITORY, STACK, scratchFolder, shell } from './support/ckptree.js';

const scratch = scratchFolder();
const image = scratch.path('tree.img');

interface Checkpoint {
  id: string;
  name?: string;
  labels: Record<string, string>;
  parent?: string;
  tree: { tasks: number };
  sizes: { logical: number; new: number; stored: number };
}

beforeAll(async () => {
  const spec = scratch.spec('tree.json', {
    memoryMiB: 64,
    root: {
      comm: 'init',
      program: 'idle',
      params: { ticks: 3_000, writesPerTick: 1, memoryMiB: 4 },
      children: [{ program: 'sieve', params: { limit: 20_000 } }],
    },
  });
  const { code, stderr } = await ckptree(['run', spec, '-c', '1@1000', '-o', image, '--stop', '--quiet']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

/** The command on a store of its own. */
function storeAt(name: string, env: Readonly<Record<string, string>> = {}) {
  const folder = scratch.path(name);
  const run = (...args: string[]) => ckptree(args, { env: { CKPTREE_STORE: folder, ...env } });
  return {
    folder,
    run,
    async report<Report = Record<string, unknown>>(schema: string, ...args: string[]): Promise<Report> {
      const { code, stdout, stderr } = await run(...args, '--json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return documentOf<Report>(schema, stdout);
    },
  };
}

describe('a checkpoint in the store', () => {
  const store = storeAt('kept');
  let first: Checkpoint;

  beforeAll(async () => {
    first = await store.report(
      'import',
      'import',
      image,
      '--name',
      'nightly',
      '--label',
      'app=db',
      '--label',
      'x=1',
    );
  });

  test('is listed, and shown', async () => {
    expect(first).toMatchObject({ name: 'nightly', labels: { app: 'db', x: '1' }, tree: { tasks: 2 } });
    expect(await store.report('ls', 'ls')).toEqual({ checkpoints: [first], damaged: [] });
    expect(await store.report('ls', 'ls', '--label', 'app=db', '--label', 'x=2')).toMatchObject({
      checkpoints: [],
    });
    expect(await store.report('show', 'show', first.id.slice(0, 12))).toEqual(first);
    const { stdout } = await store.run('ls');
    expect(stdout).toMatch(/^ID +NAME +AGE +TASKS +SIZE +NEW +STORED +RATIO\n\S+ +nightly +\d+ s +2 .*x\n+$/);
    expect((await store.run('show', 'nightly')).stdout).toMatch(
      /^id +\S+\nname +nightly\n(.*\n)*label +app=db\n/,
    );
  });

  test('comes back byte for byte, as a file and on stdout', async () => {
    const out = scratch.path('out.img');
    expect(await store.report('export', 'export', 'nightly', '-o', out)).toEqual({
      id: first.id,
      path: out,
      bytes: statSync(image).size,
    });
    expect(readFileSync(out).equals(readFileSync(image))).toBe(true);
    const piped = await shell(`ckptree export nightly | cmp - '${image}'`, {
      env: { CKPTREE_STORE: store.folder },
    });
    expect(piped).toMatchObject({ code: 0, stderr: '' });
  });

  test.each(['nightly', 'an id'])('is an image for every command, called by %s', async (way) => {
    const text = way === 'nightly' ? way : first.id;
    expect(await store.report('verify', 'verify', text)).toMatchObject({ ok: true });
    expect(await store.report('diff', 'diff', text, image)).toMatchObject({ equal: true });
    expect((await store.run('inspect', text)).stdout).toEqual((await store.run('inspect', image)).stdout);
    const [one, other] = [scratch.path('one.core'), scratch.path('other.core')];
    await store.report('core', 'core', text, '-t', '1', '-o', one);
    await store.report('core', 'core', image, '-t', '1', '-o', other);
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
  });

  test('is restarted to the end that its file comes to', async () => {
    const digests = async (text: string) => {
      const { tasks } = await store.report<{ tasks: { pid: number; digest: string }[] }>(
        'restart',
        ...['restart', text],
      );
      return tasks.map(({ pid, digest }) => [pid, digest]);
    };
    expect(await digests('nightly')).toEqual(await digests(image));
    const frozen = await store.report('restart', 'restart', 'nightly', '--frozen');
    expect(frozen).toMatchObject({ frozen: [{ pid: 1 }, { pid: 2 }] });
  });

  test('a file that is there wins over a name', async () => {
    const { code, stdout } = await ckptree(['verify', 'nightly', '--json'], {
      cwd: scratch.path('.'),
      env: { CKPTREE_STORE: store.folder },
    });
    expect({ code, ok: documentOf('verify', stdout).ok }).toEqual({ code: 0, ok: true });
    writeFileSync(scratch.path('nightly'), 'no image');
    const shadowed = await ckptree(['verify', 'nightly'], {
      cwd: scratch.path('.'),
      env: { CKPTREE_STORE: store.folder },
    });
    expect(shadowed).toMatchObject({ code: 1 });
  });

  test('unchanged costs next to nothing; forgotten and collected, all of it is given back', async () => {
    const second = await store.report<Checkpoint>('import', 'import', image, '--name', 'nightly');
    expect(second.parent).toBe(first.id);
    expect(second.sizes.stored).toBeLessThan(0.005 * first.sizes.stored);

    const policy = ['store', 'forget', '--keep-last', '1', '--keep-within', '1h'];
    expect(await store.report('store-forget', ...policy)).toMatchObject({ forgotten: [], kept: 2 });
    const last = ['store', 'forget', '--keep-last', '1'];
    expect(await store.report('store-forget', ...last, '--dry-run')).toEqual({
      dryRun: true,
      forgotten: [first.id],
      kept: 1,
    });
    expect(await store.report('store-forget', ...last)).toMatchObject({ forgotten: [first.id], kept: 1 });
    expect(await store.report('rm', 'rm', 'nightly')).toMatchObject({ forgotten: [second.id], kept: 0 });
    const planned = await store.report('store-gc', 'store', 'gc', '--dry-run');
    expect((await store.run('store', 'gc', '--dry-run')).stdout).toMatch(
      /^\d.* would be given back from \d packs?\.\n$/,
    );
    const collected = await store.report('store-gc', 'store', 'gc');
    expect(collected).toMatchObject({ liveChunks: 0, waitingPacks: [] });
    expect(planned).toEqual({ ...collected, dryRun: true });
    expect(await store.report('store-info', 'store', 'info')).toMatchObject({ checkpoints: 0, packBytes: 0 });
  });
});

test('a real core file becomes an image that is kept byte for byte, too', async () => {
  const store = storeAt('foreign');
  const core = join(REPOSITORY, 'packages/elfcore/test/corpus/threads.core');
  const foreign = scratch.path('core.img');
  const hosted = await ckptree(['run', '--core', core, '--json']);
  const { tasks } = documentOf<{ tasks: { pid: number }[] }>('run', hosted.stdout);
  await ckptree(['run', '--core', core, '-c', `${tasks[0]?.pid}@0`, '-o', foreign, '--stop', '--quiet']);
  await store.report('import', 'import', foreign, '--name', 'c');
  await store.report('export', 'export', 'c', '-o', scratch.path('core2.img'));
  expect(readFileSync(scratch.path('core2.img')).equals(readFileSync(foreign))).toBe(true);
});

test('damage is found, named and repaired', async () => {
  const store = storeAt('damaged');
  await store.report('import', 'import', image, '--name', 'a');
  expect(await store.report('store-verify', 'store', 'verify', '--sample', '50%')).toMatchObject({
    ok: true,
  });
  const packs = join(store.folder, 'packs');
  const pack = join(packs, readdirSync(packs)[0]!);
  const bytes = readFileSync(pack);
  bytes[200]! ^= 1;
  writeFileSync(pack, bytes);
  const { code, stdout } = await store.run('store', 'verify', '--read-data', '--json');
  expect(code).toBe(1);
  expect(documentOf('store-verify', stdout)).toMatchObject({ ok: false, damaged: [{ name: 'a' }] });
  expect((await store.run('store', 'verify', '--read-data')).stdout).toMatch(
    /\nThe store is damaged: .*\n`ckptree store repair` saves what is sound\.\n$/,
  );
  mkdirSync(join(store.folder, 'condemned'));
  writeFileSync(join(store.folder, 'condemned', readdirSync(packs)[0]!), '');
  expect((await store.run('store', 'gc')).stdout).toMatch(
    /^There is nothing to give back\.\n1 pack left to the next gc: something in there is damaged, and `ckptree store repair` saves/,
  );
  expect(await store.report('store-repair', 'store', 'repair')).toMatchObject({ left: [] });
  // What is lost is lost: nobody is sent to a repair that has been made.
  expect((await store.run('store', 'verify')).stdout).toMatch(/\nWhat is lost stays lost: .*`ckptree rm`/);
  expect((await store.run('store', 'repair')).stdout).toBe('There was nothing to repair.\n');
});

test('a checkpoint whose manifest is damaged is named to whoever asks for it by name', async () => {
  const store = storeAt('damaged-manifest');
  const { id } = await store.report<Checkpoint>('import', 'import', image, '--name', 'a');
  const manifest = join(store.folder, 'manifests', id);
  writeFileSync(manifest, readFileSync(manifest).subarray(1));
  for (const args of [
    ['restart'],
    ['inspect'],
    ['verify'],
    ['export', '-o', scratch.path('b.img')],
    ['rm'],
  ]) {
    const { code, stderr } = await store.run(...args, 'a');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `ckptree: EIO: a may mean checkpoint ${id}, which cannot be read: manifests/${id} is damaged: its content has another hash; \`ckptree store verify\` on its folder tells more, and \`ckptree store repair\` takes it out\n`,
    });
  }
  expect(await store.report('rm', 'rm', id)).toMatchObject({ forgotten: [id], kept: 0 });
});

test('an encrypted store opens with any of its keys, and with nothing else', async () => {
  const store = storeAt('secret', { CKPTREE_PASSPHRASE: 'correct horse' });
  expect(await store.report('store-init', 'store', 'init', '--encrypt')).toMatchObject({ encrypted: true });
  await store.report('import', 'import', image, '--name', 'a');
  const keyFile = scratch.write('key', randomBytes(32));
  const { keys } = await store.report<{ keys: { id: string }[] }>(
    'store-key',
    ...['store', 'key', 'add', '--new-key-file', keyFile, '--label', 'spare'],
  );
  expect(keys).toHaveLength(2);
  const keyed = storeAt('secret');
  expect(await keyed.report('verify', 'verify', 'a', '--key-file', keyFile)).toMatchObject({ ok: true });
  await keyed.report('store-key', 'store', 'key', 'list', '--key-file', keyFile);

  const wrong = await ckptree(['ls'], { env: { CKPTREE_STORE: store.folder, CKPTREE_PASSPHRASE: 'wrong' } });
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toMatch(/^ckptree: EPERM: no key of the store .*\n$/);
  const none = await keyed.run('inspect', 'a');
  expect(none.stderr).toMatch(
    /^ckptree: EPERM: the store .* is encrypted; give its passphrase or key file.*\n$/,
  );
});

test('a key that is added is the one that is given for it, and needs no label', async () => {
  const store = storeAt('keys', { CKPTREE_PASSPHRASE: 'correct horse' });
  await store.report('store-init', 'store', 'init', '--encrypt');
  const keyFile = scratch.write('unlabelled', randomBytes(32));
  const add = ['store', 'key', 'add'];
  const added = await store.report<{ keys: { type: string; label: string }[] }>(
    'store-key',
    ...[...add, '--new-key-file', keyFile],
  );
  expect(added.keys).toContainEqual(expect.objectContaining({ type: 'key-file', label: '' }));

  // What opens the store is not what is to open it, too.
  expect(await store.run(...add)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^ckptree: EINVAL: there is no passphrase that is to open the store, too.*\n$/,
    ),
  });
  const two = ['--new-key-file', keyFile, '--new-passphrase-file', scratch.write('other', 'another\n')];
  expect(await store.run(...add, ...two)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^ckptree: EINVAL: .*one secret.*`ckptree store key add`.*\n$/),
  });
});

test('a new store is made with one secret, not with whichever of two', async () => {
  const secrets = ['--key-file', scratch.write('first-key', randomBytes(32))];
  secrets.push('--passphrase-file', scratch.write('first-phrase', 'correct horse\n'));
  const store = storeAt('of-two-secrets');
  for (const args of [
    ['store', 'init'],
    ['import', image],
  ])
    expect(await store.run(...args, ...secrets)).toMatchObject({
      code: 1,
      // The place is the store, not the image that was to go there.
      stderr: expect.stringMatching(
        /^ckptree: EINVAL: .*one secret.*`ckptree store key add`\n(?: {2}at .*of-two-secrets\n)?$/,
      ),
    });
  expect(scratch.list()).not.toContain('of-two-secrets');
});

test('a store that is not encrypted is refused to whoever gives a secret for it', async () => {
  const store = storeAt('plain-after-all');
  await store.report('store-init', 'store', 'init');
  for (const args of [
    ['ls', '--key-file', scratch.write('a-key', randomBytes(32))],
    ['import', image, '--passphrase-file', scratch.write('a-passphrase', 'correct horse\n')],
  ])
    expect(await store.run(...args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^ckptree: EPERM: the store .* is not encrypted, though a secret was given.*\n$/,
      ),
    });
});

// biome-ignore format: a table
const REFUSALS: readonly (readonly [commandLine: string, complaint: RegExp, code: 1 | 2])[] = [
  ['ls', /ENOENT: there is no store .* yet/, 1],
  ['show nightly', /ENOENT: there is no store/, 1],
  ['inspect nightly', /ENOENT: there is no file nightly, and no .*store/, 1],
  ['inspect EMPTY', /ENOEXEC: .*this is empty/, 1],
  ['import missing.img', /ENOENT: cannot open missing\.img/, 1],
  ['import SPEC --store made', /ENOEXEC: .*no HEADER record/, 1],
  ['import IMAGE --name a/b', /no slash/, 2],
  ['import IMAGE --label app', /KEY=VALUE/, 2],
  ['store', /./, 2],
  ['store gc --all', /unknown option '--all'/, 2],
  ['store init --encrypt', /no passphrase .* and no terminal/, 1],
  ['store init --passphrase-file missing', /ENOENT: cannot read the secret in missing: there is no such file/, 1],
  ['store init --key-file SPEC', /at least 32 bytes|E2BIG|EINVAL/, 1],
  ['store forget', /say what to forget/, 2],
  ['store forget a --keep-last 1', /not both/, 2],
  ['store forget --keep-last 0', /from 1 to/, 2],
  ['store forget --keep-within 7', /such as 12h, 7d or 4w/, 2],
  ['store verify --sample 5', /such as 5%/, 2],
  ['store verify --sample 0%', /such as 5%/, 2],
  ['store key remove 00', /ENOENT: there is no store/, 1],
];

describe('refused in one line', () => {
  const tiny = scratch.write('tiny', '{}');
  test.each(REFUSALS)('%s', async (commandLine, complaint, code) => {
    const args = commandLine
      .replace('IMAGE', image)
      .replace('SPEC', tiny)
      .replace('EMPTY', scratch.write('empty', ''))
      .replace('made', scratch.path('made'))
      .split(' ');
    const ended = await storeAt('nowhere').run(...args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(complaint);
    expect(ended.stderr).not.toMatch(STACK);
  });

  test('where there is only a cluster, it is told how to come by its store', async () => {
    const { stderr } = await storeAt('nowhere', { NATS_URL: 'nats://127.0.0.1:1' }).run('rm', 'nightly');
    expect(stderr).toMatch(/there is no store .* yet; .*of the cluster of NATS_URL give --store the folder/);
    const inspected = await storeAt('absent', { NATS_URL: 'nats://127.0.0.1:1' }).run('inspect', 'nightly');
    expect(inspected.stderr).toMatch(
      /there is no file nightly, .*of the cluster of NATS_URL give --store the folder/,
    );
    // With NATS_URL, `ckptree ls` would show those of the cluster.
    const env = { CKPTREE_STORE: scratch.path('own'), NATS_URL: 'nats://127.0.0.1:1' };
    await ckptree(['store', 'init'], { env });
    for (const args of [['export'], ['rm'], ['store', 'forget']]) {
      const { stderr } = await ckptree([...args, 'nightly'], { env });
      expect(stderr).toMatch(
        /the store .*own has no checkpoint nightly; .*of the cluster of NATS_URL give --store/,
      );
      expect(stderr).not.toContain('ckptree ls');
    }
  });

  test('a folder with other things in it is not made a store', async () => {
    scratch.write('full', '');
    const { code, stderr } = await ckptree(['import', image, '--store', scratch.path('.')]);
    expect({ code, stderr: stderr.slice(0, 16) }).toEqual({ code: 1, stderr: 'ckptree: ENOENT:' });
  });

  test('the store is never below the folder that the command runs in by accident', async () => {
    const env = { HOME: '', XDG_DATA_HOME: 'relative', CKPTREE_STORE: '' };
    const { stderr } = await ckptree(['show', 'no-checkpoint-has-this-name'], { env });
    expect(stderr).toMatch(/^ckptree: ENOENT: (there is no store \/|the store \/.* has no checkpoint)/);
  });

  test('the store stands below the data home unless something says where', async () => {
    const env = { XDG_DATA_HOME: scratch.path('data'), CKPTREE_STORE: '' };
    expect(await ckptree(['import', image, '--quiet'], { env })).toMatchObject({ code: 0 });
    expect(readdirSync(scratch.path('data/ckptree'))).toContain('config');
    const elsewhere = ['ls', '--store', scratch.path('data/ckptree'), '--json'];
    expect((await ckptree(elsewhere)).code).toBe(0);
  });
});
