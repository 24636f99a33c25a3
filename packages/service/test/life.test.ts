import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { ExampleService, eventually, scratchFolder } from './support/service.js';

const folder = scratchFolder();
const NEVER = '10000s';

describe('a service that runs', () => {
  test('announces its port by IPC, in the log and, if asked to, on stdout', async () => {
    const service = new ExampleService(['--id', 'w1', '--announce']);
    const listening = await service.announced('listening');
    expect(listening).toEqual({
      type: 'listening',
      role: 'worker',
      id: 'w1',
      pid: service.child.pid,
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    const ready = await service.announced('ready');
    expect(ready).toEqual({ ...listening, type: 'ready' });
    expect(await service.logged('listening')).toMatchObject({ role: 'worker', id: 'w1', url: listening.url });
    await eventually('stdout has both', () => service.stdout.split('\n').length === 3);
    expect(
      service.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([listening, ready]);
  });

  test('goes on when nobody reads what it announces', async () => {
    const service = new ExampleService(['--announce', '--start', '1s']);
    await service.announced('listening');
    service.child.stdout?.destroy();
    await service.announced('ready');
    expect(await service.logged('the announcement could not be printed')).toMatchObject({ level: 'warn' });
    expect(await service.get('/readyz')).toMatchObject({ status: 200 });
  });

  test('logs its configuration without its secrets', async () => {
    const env = { CKPTREE_NATS_WORKER_PASSWORD: 'hunter2', CKPTREE_STORE_KEY: 'hunter3' };
    const service = new ExampleService(['--memory', '512M'], env);
    const { config } = await service.logged('starting');
    expect(config).toMatchObject({
      memory: 2 ** 29,
      natsUser: 'worker',
      natsPassword: '(set)',
      storeKey: '(set)',
    });
    expect(JSON.stringify(service.log)).not.toContain('hunter');
  });

  test('is alive at once, and ready when it has started and its checks hold; it flips back when one fails', async () => {
    const gate = join(folder, 'gate');
    const service = new ExampleService(['--gate', gate]);
    expect(await service.get('/healthz')).toEqual({
      status: 200,
      type: 'application/json',
      body: '{"status":"alive"}\n',
    });
    await service.announced('ready');
    const checked = async () => {
      const { status, body } = await service.get('/readyz');
      return { status, ...(JSON.parse(body) as object) };
    };
    const shut = {
      status: 503,
      ready: false,
      checks: { gate: { ok: false, reason: 'the gate is shut' } },
    };
    const isShut = () => checked().then(({ status }) => status === 503);
    const isOpen = () => checked().then(({ status }) => status === 200);
    expect(await checked()).toEqual(shut);
    writeFileSync(gate, '');
    await eventually('it is ready', isOpen);
    expect(await checked()).toEqual({ status: 200, ready: true, checks: { gate: { ok: true } } });
    const { body } = await service.get('/metrics');
    expect(body).toMatch(/^ckptree_service_check\{check="gate"\} 1$/m);
    rmSync(gate);
    await eventually('it is not ready', isShut);
    expect(await checked()).toEqual(shut);
    expect(await service.get('/healthz')).toMatchObject({ status: 200 });
  });

  test('is alive but not ready while it starts', async () => {
    const service = new ExampleService(['--start', NEVER]);
    expect(await service.get('/healthz')).toMatchObject({ status: 200 });
    const { status, body } = await service.get('/readyz');
    expect({ status, report: JSON.parse(body) }).toEqual({
      status: 503,
      report: { ready: false, checks: { started: { ok: false, reason: 'it is still starting' } } },
    });
  });

  test('answers nothing else', async () => {
    const service = new ExampleService([]);
    expect(await service.get('/')).toMatchObject({ status: 404 });
    expect(await service.get('/__proto__')).toMatchObject({ status: 404 });
    expect(await service.get('/healthz', 'POST')).toMatchObject({ status: 405 });
    expect(await service.get('/healthz', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  test('ends with code 1 and the flag in the log when its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    try {
      await eventually('the port is taken', () => server.listening);
      const { port } = server.address() as { port: number };
      const service = new ExampleService(['--http', String(port)]);
      expect(await service.ended).toMatchObject({ code: 1 });
      expect(service.log.find(({ level }) => level === 'fatal')).toMatchObject({
        err: {
          code: 'EIO',
          message: expect.stringContaining('another process listens there'),
          fields: { field: '--http' },
        },
      });
    } finally {
      server.close();
    }
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the end of a service', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s: it drains, closes, and ends with code 0',
    async (signal) => {
      const service = new ExampleService(['--work', '300ms']);
      await service.announced('ready');
      service.child.kill(signal);
      await service.logged('draining');
      expect(await service.get('/healthz')).toMatchObject({ status: 200 });
      const { status, body } = await service.get('/readyz');
      expect({ status, body: JSON.parse(body) }).toMatchObject({
        status: 503,
        body: { checks: { stopping: { ok: false } } },
      });
      expect(await service.ended).toMatchObject({ code: 0, signal: null });
      expect(service.log.map(({ msg }) => msg)).toEqual([
        'starting',
        'listening',
        'ready',
        'ending',
        'draining',
        'drained',
        'closed',
        'ended',
      ]);
    },
  );

  test.each(['plain', 'deaf'])('work that is not done in time is dropped: code 1 (%s)', async (mode) => {
    const service = new ExampleService(['--work', NEVER, '--mode', mode, '--shutdown-timeout', '300ms']);
    await service.announced('ready');
    service.child.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 1, signal: null });
    const messages = service.log.map(({ msg }) => msg);
    expect(messages).toContain('closed');
    expect(messages.at(-1)).toBe('ended');
    expect(service.log.find(({ level }) => level === 'error')).toMatchObject({ step: 'drain' });
  });

  test('a SIGTERM after the first Ctrl-C changes nothing; a second Ctrl-C ends it at once', async () => {
    const service = new ExampleService(['--work', NEVER]);
    await service.announced('ready');
    service.child.kill('SIGINT');
    await service.logged('draining');
    service.child.kill('SIGTERM');
    expect(await service.get('/healthz')).toMatchObject({ status: 200 });
    service.child.kill('SIGINT');
    expect(await service.ended).toMatchObject({ code: 130 });
  });

  test('it ends in order when its supervisor is gone', async () => {
    const service = new ExampleService([]);
    await service.announced('ready');
    service.child.disconnect();
    expect(await service.ended).toMatchObject({ code: 0 });
    expect(service.log.find(({ msg }) => msg === 'ending')).toMatchObject({ by: 'supervisor' });
  });

  test.each([0, 100, 200, 300, 400])(
    'it ends also when its supervisor goes %i ms after it was started, while it loads its code',
    async (ms) => {
      const service = new ExampleService([]);
      await sleep(ms);
      service.child.disconnect();
      expect(await service.ended).toMatchObject({ code: 0 });
    },
  );

  test('it ends in order also when its supervisor is killed, and nobody reads its log any more', async () => {
    const { supervisor, pid } = await ExampleService.underSupervisor();
    supervisor.kill('SIGKILL');
    await eventually('it is gone', () => !isRunning(pid));
  });

  test('it can be told to end while it starts', async () => {
    const service = new ExampleService(['--start', NEVER]);
    await service.announced('listening');
    service.child.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0 });
    expect(service.log.map(({ msg }) => msg)).toContain('the start was given up');
  });

  test('a start that does not hear is not waited for', async () => {
    const service = new ExampleService(['--start', NEVER, '--mode', 'deaf', '--shutdown-timeout', '0ms']);
    await service.announced('listening');
    service.child.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 1 });
    expect(service.log.find(({ level }) => level === 'error')).toMatchObject({ step: 'start' });
  });

  test('a start that fails is code 1, with the error by code and fields', async () => {
    const service = new ExampleService(['--mode', 'start-fails']);
    expect(await service.ended).toMatchObject({ code: 1 });
    expect(service.log.find(({ level }) => level === 'fatal')).toMatchObject({
      err: { code: 'EBUSY', message: 'the folder is in use', fields: { path: '/tmp' } },
    });
  });

  test('a part that cannot go on ends it in order, with code 1', async () => {
    const service = new ExampleService(['--mode', 'fail']);
    await service.announced('ready');
    service.child.kill('SIGUSR2');
    expect(await service.ended).toMatchObject({ code: 1 });
    expect(service.log.map(({ msg }) => msg).slice(-3)).toEqual(['drained', 'closed', 'ended']);
    expect(service.log.find(({ level }) => level === 'fatal')).toMatchObject({
      err: { code: 'EPERM', fields: { field: '--nats-password' } },
    });
  });

  test.each([
    ['throw', { code: 'EIO', message: 'a mistake', stack: expect.stringContaining('TypeError: a mistake') }],
    ['reject', { code: 'EIO', message: 'nobody caught this', fields: { pid: 9 } }],
  ])('an error that nobody caught (%s) is logged and ends it at once, with code 1', async (mode, err) => {
    const service = new ExampleService(['--mode', mode]);
    await service.announced('ready');
    service.child.kill('SIGUSR2');
    expect(await service.ended).toMatchObject({ code: 1, signal: null });
    expect(service.log.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'uncaught error',
      stack: expect.stringContaining('example-service.mjs'),
      err,
    });
  });
});
