import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ckptree, documentOf, REPOSITORY, scratchFolder, shell } from './support/ckptree.js';

const scratch = scratchFolder();
const CORE = join(REPOSITORY, 'packages/elfcore/test/corpus/threads.core');

/** Ticks of tasks that must be alive when another one has come to its tick and the checkpoint begins. */
const LONG = 1_000_000;

/** Everything in small: memory, a file that is read and mapped, a shared address space, threads, zombies. */
const TREE = {
  files: [{ name: 'text', path: 'text.txt' }],
  memoryMiB: 64,
  root: {
    comm: 'init',
    program: 'idle',
    params: { ticks: 1_200_000, writesPerTick: 1 },
    open: [{ fd: 3, file: 'text' }],
    children: [
      { comm: 'sharer', program: 'idle', share: ['mm', 'files'], params: { memoryMiB: 0, ticks: LONG } },
      { program: 'wordcount', params: { path: 'text.txt', passes: 20_000 } },
      { pid: 10, program: 'zombies', params: { count: 2, ticks: LONG } },
    ],
  },
};

interface Report {
  tasks: { pid: number; comm: string; exitCode: number; digest: string; zombie?: true; ticks?: number }[];
  stopped?: true;
  frozen?: { pid: number; state: string }[];
  checkpoint?: { path: string; bytes: number; pages: number; tasks: number; downtimeUs?: number };
}

let spec: string;
let image: string;
let undisturbed: Report;

beforeAll(async () => {
  scratch.write('text.txt', 'words in a file\n'.repeat(300));
  spec = scratch.spec('tree.json', TREE);
  image = scratch.path('tree.img');
  const { stdout } = await ckptree(['run', spec, '--checkpoint', '1@10000', '--output', image, '--json']);
  undisturbed = documentOf<Report>('run', stdout);
});

test('run reports each task, and the checkpoint that was taken while the tree ran on', () => {
  expect(undisturbed.tasks.map(({ pid, comm, exitCode }) => [pid, comm, exitCode])).toEqual([
    [1, 'init', 0],
    [2, 'sharer', 0],
    [3, 'wordcount', 0],
    [10, 'zombies', 0],
    [11, 'zombies', 0],
    [12, 'zombies', 1],
  ]);
  const { checkpoint } = undisturbed;
  expect(checkpoint).toMatchObject({ path: image, bytes: statSync(image).size, tasks: 6 });
  expect(checkpoint?.downtimeUs).toBeGreaterThan(0);
});

test('run gives the same digests again, whatever the threads, their speed and the memory', async () => {
  const machine = ['--cpus', '1', '--ticks-per-second', '1000000', '--memory', '1G'];
  const { code, stdout } = await ckptree(['run', spec, '--json', ...machine]);
  expect(code).toBe(0);
  expect(digests(documentOf<Report>('run', stdout))).toEqual(digests(undisturbed));
});

test('run --stop ends at the checkpoint; restart goes on to the same end', async () => {
  const stopped = scratch.path('stopped.img');
  const first = await ckptree(['run', spec, '-c', '1@12000', '-o', stopped, '--stop', '--json']);
  expect(first.code).toBe(0);
  const before = documentOf<Report>('run', first.stdout);
  expect(before).toMatchObject({ stopped: true, checkpoint: { path: stopped } });
  expect(before.checkpoint).not.toHaveProperty('downtimeUs');

  const second = await ckptree(['restart', stopped, '--json', '--threads', '1']);
  expect(second.code).toBe(0);
  const after = documentOf<Report>('restart', second.stdout);
  expect(after.tasks.filter(({ zombie }) => zombie).map(({ pid }) => pid)).toEqual([11, 12]);
  expect(digests(after)).toEqual(digests(undisturbed));
});

test('people get a table and two sentences', async () => {
  const { code, stdout, stderr } = await ckptree([
    'restart',
    image,
    '-c',
    '1@100',
    '-o',
    scratch.path('later.img'),
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^PID {2}COMM +EXIT +TICKS {2}DIGEST\n {2}1 {2}init +0 +[\d,]+ {2}[0-9a-f]{32}\n/);
  expect(stdout).toMatch(/^ 11 {2}zombies +0 +zombie {2}[0-9a-f]{32}$/m);
  expect(stdout).toMatch(/^Checkpoint of task 1 at tick 100: 6 tasks, frozen for [\d.]+ [µm]?s\.$/m);
  expect(stdout).toMatch(/\n6 tasks ended in [\d.]+ m?s\.\n$/);
});

test('restart --frozen shows the tree as it stands and lets nothing run', async () => {
  const { code, stdout } = await ckptree(['restart', image, '--frozen', '--json']);
  expect(code).toBe(0);
  const { frozen, tasks } = documentOf<Report>('restart', stdout);
  expect(frozen?.map(({ pid, state }) => [pid, state])).toEqual([
    [1, 'frozen'],
    [2, 'frozen'],
    [3, 'frozen'],
    [10, 'frozen'],
    [11, 'zombie'],
    [12, 'zombie'],
  ]);
  expect(tasks.map(({ pid, zombie }) => [pid, zombie])).toEqual([
    [11, true],
    [12, true],
  ]);
});

test('restart --lazy comes to the same end, and so does what is saved on the way', async () => {
  const later = scratch.path('lazily.img');
  const { code, stderr, stdout } = await ckptree([
    'restart',
    image,
    '--lazy',
    '-c',
    '1@1',
    '-o',
    later,
    '--json',
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { tasks } = documentOf<Report>('restart', stdout);
  expect(digests({ tasks })).toEqual(digests(undisturbed));
  const frozen = await ckptree(['restart', later, '--lazy', '--frozen', '--json']);
  expect(frozen).toMatchObject({ code: 0, stderr: '' });
  expect(documentOf<Report>('restart', frozen.stdout).frozen?.map(({ pid }) => pid)).toContain(1);
});

test('a subtree can be saved, and goes on without the rest', async () => {
  const subtree = scratch.path('subtree.img');
  expect(await ckptree(['run', spec, '-c', '10@5000', '-o', subtree, '--stop', '--quiet'])).toMatchObject({
    code: 0,
  });
  const { stdout } = await ckptree(['restart', subtree, '--json']);
  const only = documentOf<Report>('restart', stdout);
  expect(digests(only)).toEqual(digests(undisturbed).slice(3));
});

test('a container that shares nothing with tasks outside is saved as one', async () => {
  const { code, stdout } = await ckptree([
    'run',
    spec,
    '-c',
    '1@9000',
    '-o',
    scratch.path('c.img'),
    '--container',
    '--stop',
    '--json',
  ]);
  expect(code).toBe(0);
  expect(documentOf<Report>('run', stdout).checkpoint).toMatchObject({ container: true });
  const inspected = await ckptree(['inspect', scratch.path('c.img'), '--json']);
  expect(documentOf('inspect', inspected.stdout)).toMatchObject({ head: { kind: 'container' } });
});

describe('inspect', () => {
  test('shows tasks, address spaces and files; more when asked', async () => {
    const [short, long] = await Promise.all([
      ckptree(['inspect', image]),
      ckptree(['inspect', image, '--maps', '--pids', '--pages']),
    ]);
    expect([short.code, long.code]).toEqual([0, 0]);
    for (const shown of ['6 tasks (2 zombies)', '/ckptree/bin/wordcount', 'text.txt'])
      expect(short.stdout).toContain(shown);
    expect(short.stdout).not.toContain('PPID');
    expect(long.stdout).toContain('PPID');
    expect(long.stdout.split('\n').length).toBeGreaterThan(short.stdout.split('\n').length + 20);
  });

  test('has it all in one document', async () => {
    const { stdout } = await ckptree(['inspect', image, '--json', '--pages']);
    expect(documentOf('inspect', stdout)).toMatchObject({
      bytes: statSync(image).size,
      rootPid: 1,
      totals: { tasks: 6, zombies: 2, pages: undisturbed.checkpoint?.pages },
    });
  });
});

describe('verify', () => {
  test('is content with what we write', async () => {
    const [people, programs] = await Promise.all([
      ckptree(['verify', image]),
      ckptree(['verify', image, '--json']),
    ]);
    expect(people).toMatchObject({ code: 0, stderr: '' });
    expect(people.stdout).toMatch(/^The image is sound: 6 tasks, /);
    expect(documentOf('verify', programs.stdout)).toMatchObject({
      ok: true,
      findings: [],
      bytes: statSync(image).size,
    });
  });

  test('lists every finding with its place and ends with 1', async () => {
    const damaged = readFileSync(image);
    damaged.writeUInt8(damaged.readUInt8(16) ^ 1, 16);
    damaged.writeUInt8(7, damaged.length - 1);
    const path = scratch.write('damaged.img', damaged);
    const [people, programs] = await Promise.all([
      ckptree(['verify', path]),
      ckptree(['verify', path, '--json']),
    ]);
    expect(people.code).toBe(1);
    expect(people.stdout).toMatch(/byte \d+: architecture: .*\n(.*\n)*.*byte \d+: tail-magic: /);
    expect(people.stdout).toMatch(/The image is damaged: 2 findings\.\n$/);
    expect(documentOf('verify', programs.stdout)).toMatchObject({
      ok: false,
      findings: [{ code: 'architecture' }, { code: 'tail-magic' }],
    });
  });
});

describe('diff', () => {
  test('ends with 0 for the same, with 1 and the differences otherwise', async () => {
    const copy = scratch.path('copy.img');
    copyFileSync(image, copy);
    const later = scratch.path('much-later.img');
    await ckptree(['restart', image, '-c', '1@5000', '-o', later, '--stop', '--quiet']);

    const same = await ckptree(['diff', image, copy, '--json']);
    expect(same.code).toBe(0);
    expect(documentOf('diff', same.stdout)).toMatchObject({ equal: true });
    const differs = await ckptree(['diff', image, later]);
    expect(differs.code).toBe(1);
    expect(differs.stdout).toMatch(/task 1 \(init\)[\s\S]*registers\.[\s\S]*pages? with other contents/);
    expect(documentOf('diff', (await ckptree(['diff', image, later, '--json'])).stdout)).toMatchObject({
      equal: false,
    });
  });
});

describe('core', () => {
  test('of one task can be hosted, and ends as the task does', async () => {
    const core = scratch.path('core.3');
    const { code, stdout } = await ckptree(['core', image, '--task', '3', '--output', core, '--json']);
    expect(code).toBe(0);
    expect(documentOf('core', stdout)).toMatchObject({
      path: core,
      pid: 3,
      bytes: statSync(core).size,
      threads: 1,
    });
    const hosted = await ckptree(['run', '--core', core, '--json']);
    expect(hosted.code).toBe(0);
    expect(digests(documentOf<Report>('run', hosted.stdout))).toEqual(
      digests(undisturbed).filter(([pid]) => pid === 3),
    );
  });

  test('of a process that has a device mapped is hosted: what was mapped is in it', async () => {
    const core = scratch.path('device.core');
    const file = '/tmp/corpus.aX98A7/threads';
    const device = '/dev/null'.replace('v/', `v${'/'.repeat(file.length - '/dev/null'.length + 1)}`);
    const bytes = readFileSync(CORE).toString('latin1').replaceAll(file, device);
    writeFileSync(core, bytes, 'latin1');
    const hosted = await ckptree(['run', '--core', core, '--json']);
    expect(hosted).toMatchObject({ code: 0, stderr: '' });
    const plain = await ckptree(['run', '--core', CORE, '--json']);
    const pids = ({ stdout }: typeof plain) => documentOf<Report>('run', stdout).tasks.map(({ pid }) => pid);
    expect(pids(hosted)).toEqual(pids(plain));
  });

  test('of a real process is hosted, saved with all threads, and written again page for page', async () => {
    const saved = scratch.path('hosted.img');
    const { tasks } = documentOf<Report>('run', (await ckptree(['run', '--core', CORE, '--json'])).stdout);
    const { pid } = tasks[0] ?? { pid: 0 };
    const args = ['run', '--core', CORE, '-c', `${pid}@0`, '-o', saved, '--stop', '--json'];
    const { code, stdout } = await ckptree(args);
    expect(code).toBe(0);
    const { checkpoint } = documentOf<Report>('run', stdout);
    expect(checkpoint?.tasks).toBe(tasks.length);
    const again = await ckptree([
      'core',
      saved,
      '--task',
      String(pid),
      '-o',
      scratch.path('again.core'),
      '--json',
    ]);
    expect(documentOf('core', again.stdout)).toMatchObject({
      pages: checkpoint?.pages,
      threads: tasks.length,
    });
    expect(await ckptree(['verify', saved])).toMatchObject({ code: 0 });
  });
});

test('debug output is on stderr, by area', async () => {
  const env = { CKPTREE_DEBUG: 'mm,obj' };
  const { code, stdout, stderr } = await ckptree(
    ['run', spec, '-c', '1@9000', '-o', scratch.path('d.img'), '--stop', '--json'],
    { env },
  );
  expect(code).toBe(0);
  expect(documentOf('run', stdout)).toHaveProperty('checkpoint');
  expect(stderr).toMatch(/^\[ckpt:mm\] /m);
  expect(stderr).toMatch(/^\[ckpt:obj\] /m);
  expect(stderr).not.toMatch(/^\[ckpt:(page|file|rw)\]/m);
});

test('colours are for terminals that want them', async () => {
  const { stdout } = await ckptree(['verify', image]);
  expect(stdout).not.toContain('\u001b');
  // Node takes an unknown CI system (CI is set) for one without colours.
  const terminal = await shell(
    `env -u CI script -qec '"${process.execPath}" ${join(REPOSITORY, 'packages/cli/bin/ckptree.js')} verify ${image}' /dev/null`,
    { env: { TERM: 'xterm' } },
  );
  expect(terminal.stdout).toContain('\u001b[32mThe image is sound');
  const without = await shell(
    `script -qec '"${process.execPath}" ${join(REPOSITORY, 'packages/cli/bin/ckptree.js')} verify ${image}' /dev/null`,
    { env: { TERM: 'xterm', NO_COLOR: '1' } },
  );
  expect(without.stdout).toContain('The image is sound');
  expect(without.stdout).not.toContain('\u001b[32m');
});

test('nothing but what was asked for is left in the folder', () => {
  expect(scratch.list().filter((name) => name.includes('tmp'))).toEqual([]);
  expect(existsSync(image)).toBe(true);
});

const digests = ({ tasks }: Report) =>
  tasks.map(({ pid, exitCode, digest }) => [pid, exitCode, digest] as const);
