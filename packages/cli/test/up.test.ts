import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@ckptree/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ckptree, documentOf, type Ended, REPOSITORY, scratchFolder, shell } from './support/ckptree.js';

const scratch = scratchFolder();
const children: ChildProcess[] = [];
let ended: Promise<Ended>;
/** What is told on stdout once all runs: the commands that come next. */
let commands: readonly string[];

beforeAll(async () => {
  let told: Promise<string> | undefined;
  ended = ckptree(['up', '--workers', '1', '--memory', '256M', '--data', scratch.path('data')], {
    env: { NATS_URL: '' },
    meanwhile: (child) => {
      children.push(child);
      told = saidBy(child, 'Ctrl-C ends it');
    },
  });
  commands = (await told)!.split('\n').flatMap((line) => /^ {3}(\S+(?: \S+)*)/.exec(line)?.[1] ?? []);
});

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM');
  await ended;
});

/** What the process says until it has said `end`. */
const saidBy = (child: ChildProcess, end: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (text: string) => {
      said += text;
      if (said.includes(end)) resolve(said);
    });
    child.once('close', () => reject(new Error(`it ended having said: ${said}`)));
  });

/** Runs them as somebody does who reads in between. */
const typed = (lines: readonly string[]) =>
  shell(`set -e\n${lines.join('\nsleep 1\n')}`, { cwd: REPOSITORY });

test('what is told to come next works as it is told', async () => {
  const { code, stdout, stderr } = await typed(commands.filter((command) => !command.includes('--follow')));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.match(/^Task 1 is the root of tree .* on worker-1\.$/gm)).toHaveLength(2);
});

test('rules say which checkpoints are kept, are told, applied and taken back', async () => {
  const [, url = ''] = /NATS_URL=(\S+)/.exec(commands[0] ?? '') ?? [];
  const run = (...args: string[]) => ckptree(['retention', ...args], { env: { NATS_URL: url } });
  const json = async (...args: string[]) =>
    documentOf('retention', (await run(...args, '--json')).stdout) as { removed?: string[] };
  expect((await run()).stdout).toBe('All checkpoints are kept.\n');
  const name = ['--name', 'ruled'];
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) {
    const { stdout } = await ckptree(['checkpoint', '1', ...name, '--json'], { env: { NATS_URL: url } });
    ids.push((JSON.parse(stdout) as { id: string }).id);
  }
  expect((await run('--keep-last', '1', '--keep-weekly', '1')).stdout).toBe(
    'Of each name are kept: the newest 1; the newest of the last week that has any. The rest is removed within ten minutes.\n',
  );
  const policy = { keepLast: 1, keepWeekly: 1 };
  const planned = await json('--apply', '--dry-run');
  expect(planned).toMatchObject({ policy, dryRun: true, removed: expect.arrayContaining(ids.slice(0, 2)) });
  expect(planned.removed).not.toContain(ids[2]);
  expect(await json('--apply')).toMatchObject({ policy, removed: planned.removed });
  expect((await run('--keep-all')).stdout).toBe('All checkpoints are kept.\n');
  expect(await run('--keep-all', '--keep-last', '1')).toMatchObject({ code: 2 });
  expect(await run('--dry-run')).toMatchObject({ code: 2 });
});

test('what is saved again and again is listed until it is cancelled', async () => {
  const [, url = ''] = /NATS_URL=(\S+)/.exec(commands[0] ?? '') ?? [];
  const run = (...args: string[]) => ckptree(args, { env: { NATS_URL: url } });
  const { stdout: made } = await run('checkpoint', '1', '--every', '1h', '--name', 'hourly', '--json');
  const { id } = JSON.parse(made) as { id: string };
  const listed = await run('schedules', '--json');
  expect(documentOf('schedules', listed.stdout)).toMatchObject({
    schedules: [{ schedule: id, pid: 1, everyMs: 3_600_000, name: 'hourly' }],
  });
  expect((await run('schedules')).stdout).toMatch(new RegExp(`^${id} +1 +1h +hourly +`, 'm'));
  expect(await run('cancel', id)).toMatchObject({ code: 0 });
  expect((await run('schedules')).stdout).toBe('No schedules.\n');

  const client = await connect({ url });
  await client.schedule({ schedule: 'nightly', pid: 1, everyMs: 3_600_000 });
  const { rootPid } = await client.spawn({ root: { program: 'special', params: { ticks: 1_000_000_000 } } });
  await client.schedule({ schedule: 'futile', pid: rootPid, everyMs: 3_600_000 });
  while (!(await client.schedules()).some(({ lastError }) => lastError !== undefined)) await sleep(100);
  expect((await run('schedules')).stdout).toMatch(/^futile .* \d+ s ago .* ENOSYS: .*SHARED/m);
  const { stdout: all } = await run('schedules', '--json');
  const { schedules } = documentOf<{ schedules: object[] }>('schedules', all);
  const futile = { schedule: 'futile', lastRun: expect.any(String), lastError: { code: 'ENOSYS' } };
  expect(schedules.at(-1)).toMatchObject(futile);
  await client.unschedule('futile');
  await client.kill(rootPid);
  await client.close();
  expect(await run('cancel', 'nightly')).toMatchObject({ code: 0 });
  expect(await run('cancel', 'nightly')).toMatchObject({
    code: 1,
    stderr: 'ckptree: ENOENT: there is no schedule nightly\n',
  });
});

test('a checkpoint tells what became of the tasks when that was asked for', async () => {
  const [setUrl = ''] = commands;
  const { stdout, stderr } = await typed([
    setUrl,
    'ckptree checkpoint 1 --leave-frozen',
    'ckptree thaw 1',
    'ckptree checkpoint 1 --stop',
  ]);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^They stand still from now on; .*They were ended; `ckptree restart` goes on/ms);
});

test('following events ends when nobody can read them any more', async () => {
  const [setUrl = ''] = commands;
  const follow = 'ckptree events --follow --from beginning';
  const full = await typed([setUrl, `${follow} > /dev/full`]);
  expect(full).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOSPC: the output could not be') });
  const gone = await typed([setUrl, `{ ${follow}; echo "ended with $?" >&2; } | true`]);
  expect(gone).toMatchObject({ code: 0, stderr: 'ended with 0\n' });
});

test('another cluster over the same NATS says in words why it cannot be', async () => {
  const [setUrl = ''] = commands;
  const { code, stderr } = await typed([setUrl, `ckptree up --workers 1 --data '${scratch.path('other')}'`]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /EIO: .* ended with 1 before it was ready: (there is a worker worker-1 already|.* serves another store)/,
  );
  expect(stderr).not.toContain('"level"');
});

test('a file is no checkpoint of the cluster, and it is told what to do', async () => {
  const [setUrl = ''] = commands;
  const { code, stderr } = await typed([setUrl, 'ckptree restart README.md']);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr:
      'ckptree: ENOENT: the cluster has no checkpoint README.md; files are restarted on this machine, without --nats and NATS_URL\n',
  });
});

test('a store that is named is meant, whatever NATS_URL says', async () => {
  const [setUrl = ''] = commands;
  const here = `--store '${scratch.path('elsewhere')}'`;
  const none = { code: 1, stderr: expect.stringContaining(scratch.path('elsewhere')) };
  for (const command of ['ls', 'show first', 'restart first --frozen'])
    expect(await typed([setUrl, `ckptree ${command} ${here}`])).toMatchObject(none);
  expect(await typed([setUrl, `ckptree ls --nats nats://127.0.0.1:9 ${here}`])).toMatchObject({ code: 2 });
});

test('a server that NATS_URL names is used, and that is told', async () => {
  const [, url = ''] = /NATS_URL=(\S+)/.exec(commands[0] ?? '') ?? [];
  const { stderr } = await ckptree(
    ['up', '--workers', '1', '--memory', '1M', '--data', scratch.write('file', '')],
    { env: { NATS_URL: url } },
  );
  expect(stderr).toContain(`using the NATS server at ${url}, as NATS_URL says\n`);
});

test('however long a service takes to end, nothing is left running', async () => {
  const { code, stdout, stderr } = await ckptree(
    ['up', '--workers', '1', '--memory', '256M', '--data', scratch.path('slow')],
    {
      env: { NATS_URL: '' },
      meanwhile: async (child) => {
        children.push(child);
        const said = saidBy(child, 'Ctrl-C ends it');
        const worker = new Promise<number>((resolve) => {
          let told = '';
          child.stderr?.on('data', (text: string) => {
            told += text;
            const [, pid] = /worker-1 is ready \(process (\d+)/.exec(told) ?? [];
            if (pid !== undefined) resolve(Number(pid));
          });
        });
        await said;
        process.kill(await worker, 'SIGSTOP');
        child.kill('SIGINT');
      },
    },
  );
  expect(stderr).toContain('ending the services ...');
  expect({ code, end: stdout.split('\n').at(-2) }).toEqual({ code: 0, end: 'The cluster is down.' });
});

test('with --json, where the cluster is stands on stderr while it runs, and in the report', async () => {
  let url: string | undefined;
  const { code, stdout } = await ckptree(
    ['up', '--json', '--workers', '1', '--memory', '256M', '--data', scratch.path('reported')],
    {
      env: { NATS_URL: '' },
      meanwhile: (child) => {
        children.push(child);
        let told = '';
        child.stderr?.on('data', (text: string) => {
          told += text;
          if (url !== undefined) return;
          [, url] = /the cluster is up at (nats:\S+)\n/.exec(told) ?? [];
          if (url !== undefined) child.kill('SIGINT');
        });
      },
    },
  );
  expect(code).toBe(0);
  expect(documentOf('up', stdout)).toEqual({ nats: url, data: scratch.path('reported') });
});

test('nor when it is ended before all is ready', async () => {
  const { code, stderr } = await ckptree(
    ['up', '--workers', '1', '--memory', '256M', '--data', scratch.path('early')],
    {
      env: { NATS_URL: 'nats://127.0.0.1:1' },
      meanwhile: (child) => {
        children.push(child);
        child.stderr?.once('data', () => child.kill('SIGINT'));
      },
    },
  );
  expect(code).toBe(130);
  expect(stderr).toContain('ckptree: ended by SIGINT');
});
