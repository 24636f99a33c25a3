import { mkdirSync, readFileSync, symlinkSync, truncateSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ckptree, documentOf, type Ended, STACK, scratchFolder, shell } from './support/ckptree.js';

const scratch = scratchFolder();
const QUICK = { memoryMiB: 16, cpus: 1, root: { program: 'idle', params: { memoryMiB: 2, ticks: 2_000 } } };

/** Ticks of a task that must not have ended when another has come to its tick and the checkpoint begins. */
const LONG = 1_000_000;

let image: Buffer;
let imagePath: string;
let spec: string;

beforeAll(async () => {
  mkdirSync(scratch.path('folder'));
  spec = scratch.spec('quick.json', QUICK);
  imagePath = scratch.path('quick.img');
  await ckptree(['run', spec, '-c', '1@500', '-o', imagePath, '--stop', '--json']);
  image = readFileSync(imagePath);
});

/** One complaint, nothing else: no report, no stack, exit code 1. */
function expectComplaint({ code, stdout, stderr }: Ended, complaint: RegExp): void {
  expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^ckptree: E[A-Z0-9]+: /);
  expect(stderr).toMatch(complaint);
  expect(stderr).not.toMatch(STACK);
}

/** The image with some of its bytes replaced by as many others. */
function imageWith(name: string, position: number, bytes: Uint8Array | string): string {
  const changed = Buffer.from(image);
  changed.set(Buffer.from(bytes as string), position);
  return scratch.write(name, changed);
}

describe('a spec', () => {
  // What else a spec can have wrong: packages/kernel/test/spec-refusals.test.ts.
  // biome-ignore format: a table
  const SPECS: readonly (readonly [name: string, text: string, complaint: RegExp])[] = [
    ['that is cut short', '{"root":', /EINVAL: the document is not JSON: [\s\S]*cut-short\.json/],
    ['with a program that nobody knows', '{"root":{"program":"nosuch"}}', /ENOENT: no program is called "nosuch"[\s\S]*\/root\/program/],
    ['with a parameter that the program has not', '{"root":{"program":"idle","params":{"tics":1}}}', /EINVAL: .*\/root\/params\/tics/],
    ['with a million million tasks', '{"root":{"program":"idle","children":[{"program":"idle","repeat":1000000,"children":[{"program":"idle","repeat":1000000}]}]}}', /E2BIG: .*too many/],
    ['with a file that is missing', '{"files":[{"name":"f","path":"missing.txt"}],"root":{"program":"idle","open":[{"fd":3,"file":"f"}]}}', /ENOENT: .*missing\.txt/],
  ];

  test.each(SPECS)('%s', async (name, text, complaint) => {
    const path = scratch.write(`${name.replaceAll(' ', '-').replace('that-is-', '')}.json`, text);
    expectComplaint(await ckptree(['run', path]), complaint);
  });

  test('that is not there, a folder, a pipe, or a gigabyte', async () => {
    const huge = scratch.write('huge.json', '');
    truncateSync(huge, 2 ** 30);
    await shell(`mkfifo '${scratch.path('pipe')}'`);
    expectComplaint(await ckptree(['run', scratch.path('nothing.json')]), /ENOENT: .*nothing\.json/);
    expectComplaint(await ckptree(['run', scratch.path('folder')]), /EINVAL: [\s\S]*folder/);
    expectComplaint(await ckptree(['run', scratch.path('pipe')]), /EINVAL: [\s\S]*pipe/);
    expectComplaint(await ckptree(['run', huge]), /E2BIG: .*64 MiB/);
  });

  test('is refused in the same words before a cluster is asked', async () => {
    const cut = scratch.write('cut.json', '{"root":');
    const spawn = (path: string) => ckptree(['spawn', path], { env: { NATS_URL: 'nats://127.0.0.1:1' } });
    expectComplaint(await spawn(cut), /EINVAL: the document is not JSON: [\s\S]*cut\.json/);
    expectComplaint(await spawn(scratch.path('folder')), /EINVAL: a spec is a regular file[\s\S]*folder/);
  });
});

describe('an image', () => {
  const verified = async (path: string) => {
    const { code, stdout } = await ckptree(['verify', path, '--json']);
    expect(code).toBe(1);
    return documentOf('verify', stdout);
  };

  test('that is cut short, by every command that reads one', async () => {
    const path = scratch.write('cut.img', image.subarray(0, 40_000));
    const never = scratch.path('never.core');
    for (const args of [
      ['restart', path],
      ['inspect', path],
      ['diff', imagePath, path],
      ['core', path, '--task', '1', '--output', never],
    ]) {
      const ended = await ckptree(args);
      expectComplaint(ended, /EBADMSG: image byte \d+.*the image ends within/);
      expect(ended.stderr).toContain(path);
    }
    expect(scratch.list()).not.toContain('never.core');
    expect(await verified(path)).toMatchObject({ ok: false, findings: [{ code: 'truncated' }] });
  });

  test('that lies about a length', async () => {
    const path = imageWith('lie.img', 76, Uint8Array.of(255, 255, 255, 255));
    expectComplaint(await ckptree(['restart', path]), /EBADMSG: image byte 76: .*4294967295/);
    expect(await verified(path)).toMatchObject({ ok: false });
  });

  test('that is something else, and a terabyte of it', async () => {
    const path = scratch.write('sparse.img', '');
    truncateSync(path, 2 ** 40);
    expectComplaint(await ckptree(['restart', path]), /ENOEXEC: image byte 0/);
    expect(await verified(path)).toMatchObject({ findings: [{ code: 'not-an-image' }] });
  });

  test('that is not there, or a folder', async () => {
    const path = scratch.path('nothing.img');
    expectComplaint(await ckptree(['restart', path]), /ENOENT: .*nothing\.img/);
    expectComplaint(await ckptree(['verify', path]), /ENOENT: .*nothing\.img/);
    expectComplaint(await ckptree(['inspect', scratch.path('folder')]), /EINVAL: .* is not a regular file/);
  });

  test('of a program that is not known here', async () => {
    const position = image.indexOf('/ckptree/bin/idle\0');
    const { stderr, ...ended } = await ckptree([
      'restart',
      imageWith('other.img', position, '/ckptree/bin/idol'),
    ]);
    expectComplaint({ stderr, ...ended }, /ENOENT: task 1 \(idle\) runs \/ckptree\/bin\/idol/);
  });

  test('whose errors are told as documents with --json', async () => {
    const { code, stdout } = await ckptree(['inspect', scratch.path('cut.img'), '--json']);
    expect(code).toBe(1);
    expect(documentOf('error', stdout)).toMatchObject({
      error: { code: 'EBADMSG', fields: { path: scratch.path('cut.img') } },
    });
  });

  test('whose tree does not fit into the memory', async () => {
    expectComplaint(await ckptree(['restart', imagePath, '--memory', '1M']), /ENOMEM: /);
  });

  test('whose file has changed, or is gone', async () => {
    const text = scratch.write('words.txt', 'words '.repeat(10_000));
    const reading = scratch.spec('reading.json', {
      ...QUICK,
      root: { program: 'wordcount', params: { path: 'words.txt', passes: 1_000 } },
    });
    const saved = scratch.path('reading.img');
    expect(await ckptree(['run', reading, '-c', '1@100', '-o', saved, '--stop', '--json'])).toMatchObject({
      code: 0,
    });
    scratch.write('words.txt', 'other words');
    expectComplaint(await ckptree(['restart', saved]), /ESTALE: .*words\.txt has changed/);
    await shell(`rm '${text}'`);
    expectComplaint(await ckptree(['restart', saved, '--frozen']), /ENOENT: .*words\.txt is missing/);
  });
});

describe('a checkpoint', () => {
  interface Report {
    tasks: { pid: number; exitCode: number }[];
    checkpointError?: { code: string; message: string };
  }

  /** The tree runs to its end all the same, also with --stop; only the image is missing. */
  async function expectNoCheckpoint(tree: string, at: string, code: string): Promise<string> {
    const output = scratch.path('no.img');
    const ended = await ckptree(['run', tree, '--checkpoint', at, '--output', output, '--stop', '--json']);
    expect(ended.code).toBe(1);
    const report = documentOf<Report>('run', ended.stdout);
    expect(report.checkpointError).toMatchObject({ code });
    expect(report).not.toHaveProperty('stopped');
    expect(report.tasks).toContainEqual(expect.objectContaining({ pid: 1, exitCode: 0 }));
    expect(ended.stderr).toMatch(new RegExp(`^ckptree: no checkpoint was taken: ${code}: `, 'm'));
    expect(ended.stderr).not.toMatch(STACK);
    expect(scratch.list().filter((name) => name === 'no.img' || name.startsWith('.'))).toEqual([]);
    return ended.stderr;
  }

  test('at a tick that never comes', async () => {
    expect(await expectNoCheckpoint(spec, '1@999999999', 'ESRCH')).toMatch(/task 1 ended after \d+ ticks/);
  });

  test('of a task that never is', async () => {
    expect(await expectNoCheckpoint(spec, '77@0', 'ESRCH')).toMatch(/there never was a task 77/);
  });

  test('with outstanding asynchronous input', async () => {
    scratch.write('input.txt', 'input');
    const tree = scratch.spec('aio.json', {
      ...QUICK,
      root: { ...QUICK.root, children: [{ program: 'aio', params: { path: 'input.txt', ticks: LONG } }] },
    });
    expect(await expectNoCheckpoint(tree, '1@1500', 'EBUSY')).toMatch(/outstanding/);
  });

  test('with memory that cannot be saved', async () => {
    const tree = scratch.spec('shared.json', {
      ...QUICK,
      root: {
        ...QUICK.root,
        children: [{ program: 'special', params: { flags: ['SHARED'], ticks: LONG } }],
      },
    });
    expect(await expectNoCheckpoint(tree, '1@1500', 'ENOSYS')).toMatch(/SHARED/);
  });

  test('of a container that shares something with tasks outside', async () => {
    const tree = scratch.spec('leak.json', {
      ...QUICK,
      root: {
        program: 'idle',
        params: { ticks: LONG },
        children: [{ pid: 5, program: 'idle', share: ['mm', 'files'], params: { ticks: 2_000 } }],
      },
    });
    const args = ['run', tree, '-c', '5@1000', '-o', scratch.path('leak.img'), '--container', '--json'];
    const { code, stdout } = await ckptree(args);
    expect(code).toBe(1);
    expect(documentOf<Report>('run', stdout).checkpointError?.message).toMatch(
      /not contained: .*has \d users/,
    );
    expect(scratch.list()).not.toContain('leak.img');
  });

  test('that does not fit onto the disk', async () => {
    mkdirSync(scratch.path('full'));
    const script = `trap '' XFSZ; ulimit -f 64; ckptree run '${spec}' -c 1@1000 -o '${scratch.path('full/x.img')}' --json`;
    const { code, stdout } = await shell(script);
    expect(code).toBe(1);
    expect(documentOf<Report>('run', stdout).checkpointError).toMatchObject({
      code: 'ENOSPC',
      message: expect.stringMatching(/^cannot write from byte \d+ on: it would be larger than /),
    });
    const core = await shell(
      `trap '' XFSZ; ulimit -f 64; ckptree core '${imagePath}' -t 1 -o '${scratch.path('full/x.core')}'`,
    );
    expectComplaint(core, /ENOSPC: /);
    expect((await shell(`ls -A '${scratch.path('full')}'`)).stdout).toBe('');
  });

  test('whose output cannot be there is refused before anything runs', async () => {
    symlinkSync('/dev/null', scratch.path('link-to-device'));
    for (const [output, complaint] of [
      [
        scratch.path('no-folder/x.img'),
        /ENOENT: cannot create the image .*: there is no folder .*no-folder; make it first/,
      ],
      [scratch.path('folder'), /EINVAL: cannot create the image .*not a file/],
      [scratch.path('link-to-device'), /EINVAL: cannot create the image .*not a file/],
      ['/dev/full', /EINVAL: /],
    ] as const)
      expectComplaint(await ckptree(['run', spec, '-c', '1@500', '-o', output]), complaint);
  });
});

describe('a core', () => {
  test('that is none, or is cut short', async () => {
    expectComplaint(await ckptree(['run', '--core', imagePath]), /ENOEXEC: .*no ELF file/);
    const core = scratch.path('good.core');
    await ckptree(['core', imagePath, '-t', '1', '-o', core, '--json']);
    const cut = scratch.write('cut.core', readFileSync(core).subarray(0, 20_000));
    expectComplaint(await ckptree(['run', '--core', cut]), /EBADMSG: [\s\S]*cut\.core/);
  });

  test('of a task that is not there, or has no memory', async () => {
    const args = (pid: number) => [
      'core',
      imagePath,
      '--task',
      String(pid),
      '--output',
      scratch.path('none.core'),
    ];
    expectComplaint(await ckptree(args(9)), /ESRCH: there is no task 9/);
    expect(scratch.list()).not.toContain('none.core');
  });
});

test('a task that fails fails the run, and says why', async () => {
  const tree = scratch.spec('starving.json', { ...QUICK, memoryMiB: 1 });
  const { code, stdout, stderr } = await ckptree(['run', tree, '--json']);
  expect(code).toBe(1);
  expect(documentOf('run', stdout)).toMatchObject({
    tasks: [{ pid: 1, exitCode: 134, signal: 'SIGABRT', error: { code: 'ENOMEM' } }],
  });
  expect(stderr).toMatch(/^ckptree: task 1 \(idle\) failed: ENOMEM: /);
});
