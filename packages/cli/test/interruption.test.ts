import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ckptree, scratchFolder, shell } from './support/ckptree.js';

const scratch = scratchFolder();
/** Takes memory at once and then runs for ever. */
let endless: string;
let image: string;

beforeAll(async () => {
  const params = { memoryMiB: 300, pattern: 'zero', forever: true };
  endless = scratch.spec('endless.json', { memoryMiB: 1024, root: { program: 'idle', params } });
  const quick = scratch.spec('quick.json', {
    memoryMiB: 16,
    root: { program: 'idle', params: { ticks: 1_000 } },
  });
  image = scratch.path('quick.img');
  await ckptree(['run', quick, '-c', '1@500', '-o', image, '--stop', '--json']);
});

/** Calls back as soon as a condition holds. */
function when(condition: () => boolean, act: () => void): void {
  const timer = setInterval(() => {
    if (!condition()) return;
    clearInterval(timer);
    act();
  }, 2);
}

/** The image on its way, which is made for a trial before the tree runs. */
const isOnItsWay = () => scratch.list().some((name) => name.startsWith('.ckptree-'));

const isBeingWritten = () =>
  scratch.list().some((name) => name.startsWith('.ckptree-') && (sizeOf(scratch.path(name)) ?? 0) > 0);

/** Of those that the command catches the one that Node leaves alone. */
const SIGHUP_BIT = 1n << BigInt(constants.signals.SIGHUP - 1);

/** Whether a process has got so far that it ends in its own way. */
const catchesSignals = (pid: number) => () => {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return (BigInt(`0x${caught}`) & SIGHUP_BIT) !== 0n;
};

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;

describe('a signal', () => {
  test.each([
    ['SIGTERM', 'before the tree runs', 143, isOnItsWay],
    ['SIGTERM', 'in the middle of a checkpoint', 143, isBeingWritten],
    ['SIGINT', 'before the tree runs', 130, isOnItsWay],
    ['SIGINT', 'in the middle of a checkpoint', 130, isBeingWritten],
  ] as const)('%s %s: exit code %d, and nothing is left', async (signal, _, exitCode, isTime) => {
    const ended = await ckptree(['run', endless, '-c', '1@39000', '-o', scratch.path('never.img')], {
      meanwhile: (child) => when(isTime, () => child.kill(signal)),
    });
    expect(ended).toEqual({
      code: exitCode,
      signal: null,
      stdout: '',
      stderr: `ckptree: ended by ${signal}\n`,
    });
    expect(scratch.list()).toEqual(['endless.json', 'quick.img', 'quick.json']);
  });

  test('and another, in the middle of compressing: that ends it at once, and what was begun is not there', async () => {
    const params = { memoryMiB: 300, pattern: 'random', forever: true };
    const spec = scratch.spec('random.json', { memoryMiB: 1024, root: { program: 'idle', params } });
    const store = scratch.path('store');
    const drafts = (): string[] => (existsSync(join(store, 'tmp')) ? readdirSync(join(store, 'tmp')) : []);
    const isAtWork = () => drafts().some((name) => (sizeOf(join(store, 'tmp', name)) ?? 0) > 2 ** 20);
    const ended = await ckptree(['run', spec, '-c', '1@77000', '--store', store], {
      meanwhile: (child) =>
        when(isAtWork, () => {
          // Of one kind they could come as one.
          child.kill('SIGTERM');
          child.kill('SIGINT');
        }),
    });
    expect(ended).toMatchObject({ code: null, signal: expect.stringMatching(/^SIG(INT|TERM)$/), stdout: '' });
    const listed = await ckptree(['ls', '--store', store, '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject({ checkpoints: [] });
    for (const name of ['random.json', 'store']) rmSync(scratch.path(name), { recursive: true });
  });

  test('while tasks run', async () => {
    const ended = await ckptree(['run', endless, '--json'], {
      meanwhile: (child) =>
        when(catchesSignals(child.pid!), () => setTimeout(() => child.kill('SIGTERM'), 1_000)),
    });
    expect(ended).toMatchObject({ code: 143, stdout: '' });
  });

  test('in the middle of the demo: its trees end, too, and its folder is gone', async () => {
    const env = { TMPDIR: scratch.path('') };
    const isAtWork = () =>
      scratch
        .list()
        .some((name) => name.startsWith('ckptree-demo-') && readdirSync(scratch.path(name)).length > 1);
    const ended = await ckptree(['demo'], {
      env,
      meanwhile: (child) => when(isAtWork, () => setTimeout(() => child.kill('SIGTERM'), 2_000)),
    });
    expect(ended).toMatchObject({ code: 143, stderr: 'ckptree: ended by SIGTERM\n' });
    expect(scratch.list()).toEqual(['endless.json', 'quick.img', 'quick.json']);
    // The brackets keep pgrep from finding the shell that runs it.
    const left = await shell(`pgrep -f '[r]un ${scratch.path('ckptree-demo-')}' || true`);
    expect(left.stdout).toBe('');
  });
});

describe('stdout', () => {
  test('may be closed by whoever has read enough', async () => {
    const { code, stdout, stderr } = await shell(
      `ckptree inspect '${image}' --maps --pages --json | head -n 1`,
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{\n', stderr: '' });
  });

  test.each(['inspect', '--help', '--version', 'help run', 'run --help'])(
    'that takes nothing is a failure: %s',
    async (command) => {
      const { code, stderr } = await shell(
        `ckptree ${command === 'inspect' ? `inspect '${image}'` : command} > /dev/full`,
      );
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr:
          'ckptree: ENOSPC: the output could not be written: no space is left there; make room and try again\n',
      });
    },
  );

  test.each(['worker', 'storage', 'coordinator'])(
    'that takes nothing is one to the service %s, too',
    async (role) => {
      const { code, stderr } = await shell(`ckptree ${role} --help > /dev/full`);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `ckptree ${role}: ENOSPC: cannot write: no space is left there; make room and try again\n`,
      });
    },
  );
});
