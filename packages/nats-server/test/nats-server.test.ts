import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findNatsServer, NatsServer, obtainNats } from '@ckptree/nats-server';
import { testServer } from '@ckptree/nats-server/testing';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';

const folder = mkdtempSync(join(tmpdir(), 'ckptree-nats-test-'));
const running: NatsServer[] = [];
let folders = 0;

afterEach(async () => {
  for (const server of running.splice(0)) await server.kill();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newFolder = (): string => join(folder, `data-${++folders}`);

async function start(options: Partial<Parameters<typeof NatsServer.start>[0]> = {}): Promise<NatsServer> {
  const server = await NatsServer.start({ dataFolder: newFolder(), ...options });
  running.push(server);
  return server;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function until(condition: () => boolean, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come to pass in time');
    await sleep(20);
  }
}

describe('a server of one’s own', () => {
  test('README: a server is started, answers, and is stopped', async () => {
    const nats = await obtainNats({ dataFolder: newFolder() });
    const pid = nats.server?.pid ?? 0;
    expect(nats.url).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
    expect(isAlive(pid)).toBe(true);
    await nats.stop();
    expect(isAlive(pid)).toBe(false);
  });

  test('is started again on its port, after a stop and after a crash', async () => {
    const server = await start();
    const { url, pid } = server;
    await server.stop();
    expect(server.running).toBe(false);
    await server.start();
    await server.kill();
    await expect(server.exited).resolves.toEqual({ code: null, signal: 'SIGKILL' });
    await server.start();
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
  });

  test('tells of an end that nobody asked for, and of no other', async () => {
    const crashes: unknown[] = [];
    const server = await start({ onCrash: (exit) => crashes.push(exit) });
    await server.stop();
    await server.start();
    await server.kill();
    await server.start();
    process.kill(server.pid!, 'SIGKILL');
    await until(() => crashes.length > 0);
    expect(crashes).toEqual([{ code: null, signal: 'SIGKILL' }]);
  });

  test('dies with its parent, even when that is killed', async () => {
    const parent = spawn(
      process.execPath,
      [fileURLToPath(new URL('./parent.mjs', import.meta.url)), newFolder()],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { pid: number };
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await until(() => !isAlive(pid));
  });

  test('does not share its folder', async () => {
    const { dataFolder } = await start();
    await expect(NatsServer.start({ dataFolder })).rejects.toMatchObject({ code: 'EBUSY' });
  });

  test('takes more configuration from a file', async () => {
    const include = join(folder, 'users.conf');
    writeFileSync(include, 'authorization { user: "a", password: "b" }\n');
    const { server, remove } = await testServer({ include });
    expect(server.running).toBe(true);
    await remove();
    expect(existsSync(server.dataFolder)).toBe(false);
  });

  test('tells what the server said when it does not start', async () => {
    const include = join(folder, 'bad.conf');
    writeFileSync(include, 'no_such_setting { } }\n');
    await expect(start({ include })).rejects.toMatchObject({
      code: 'EPIPE',
      message: expect.stringMatching(/ended before it answered.*bad\.conf/s),
    });
  });

  test('does not take another server on its port for itself', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({
      code: 'EPIPE',
      message: expect.stringContaining('address already in use'),
    });
  });

  test.each([
    ['never speaks', ''],
    ['speaks no JSON', 'INFO {what}\r\n'],
    ['never ends its line', 'x'],
  ])('gives up on something else on its port that %s', async (_, says) => {
    const other = createServer((socket) => {
      const timer = setInterval(() => socket.write(says), 50);
      socket.on('close', () => clearInterval(timer)).on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const binary = join(folder, 'sleeps');
    writeFileSync(binary, '#!/bin/sh\nexec sleep 60\n');
    chmodSync(binary, 0o755);
    const { port } = other.address() as { port: number };
    await expect(start({ port, binary, startTimeoutMs: 300 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    other.close();
  });
});

describe('where a server comes from', () => {
  test('an address that is given is taken, and nothing is started or stopped', async () => {
    const nats = await obtainNats({ dataFolder: newFolder(), url: 'nats://example.org:4222' });
    expect(nats).toMatchObject({ url: 'nats://example.org:4222' });
    expect(nats.server).toBeUndefined();
    await nats.stop();
  });

  test('an address that is none is refused', async () => {
    await expect(obtainNats({ dataFolder: newFolder(), url: 'http://x/y' })).rejects.toMatchObject({
      code: 'EINVAL',
      message: '"http://x/y" is no address of a NATS server: nats://HOST:PORT',
    });
  });

  test('the binary is found', () => {
    expect(findNatsServer()).toMatch(/nats-server$/);
  });

  test('a binary that cannot be started is an error', async () => {
    await expect(start({ binary: join(folder, 'none') })).rejects.toMatchObject({
      code: expect.stringMatching(/ENOENT|EPIPE/),
    });
  });
});
