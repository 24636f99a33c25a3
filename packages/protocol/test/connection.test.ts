import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CkptError } from '@ckptree/errors';
import { Connection, coordinator, request, retrying, serve } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TestNats, until } from './support/nats.js';

let nats: TestNats;
const folder = mkdtempSync(join(tmpdir(), 'ckptree-connection-'));
beforeAll(async () => {
  const include = join(folder, 'users.conf');
  const users = [
    '{ user: client, password: secret, permissions: { publish: ["ckptree.v1.coordinator.ps"], subscribe: ["_INBOX_client.>"] } }',
    '{ user: all, password: secret }',
  ];
  writeFileSync(include, `authorization { users: [ ${users.join(', ')} ] }\n`);
  nats = await TestNats.start({ include });
});
afterEach(async () => {
  await nats.server.start();
  await nats.closeConnections();
});
afterAll(async () => {
  await nats.remove();
  rmSync(folder, { recursive: true, force: true });
});

const all = { user: 'all', password: 'secret' };
const client = { user: 'client', password: 'secret', inboxPrefix: '_INBOX_client' };

describe('a connection', () => {
  test('comes back after an outage, and says when it is away', async () => {
    const connection = await nats.open(all);
    const seen: string[] = [];
    connection.onStatus((status) => seen.push(status));
    expect(connection.connected).toBe(true);
    await nats.server.stop();
    await until(() => !connection.connected);
    const back = connection.whenConnected();
    await nats.server.start();
    await back;
    expect(connection.connected).toBe(true);
    await connection.close();
    expect(seen).toEqual(['disconnected', 'connected', 'closed']);
    await expect(connection.whenConnected()).rejects.toMatchObject({ code: 'EPIPE' });
    await expect(request(connection, coordinator.ps, {})).rejects.toMatchObject({ code: 'EPIPE' });
  });

  test('with a file for TLS that is not there, or a certificate without its key, says so at once', async () => {
    const missing = join(folder, 'missing.pem');
    for (const tls of [{ caFile: missing }, { certFile: missing, keyFile: missing }])
      await expect(nats.open({ ...all, tls })).rejects.toMatchObject({
        code: 'ENOENT',
        fields: { path: missing },
      });
    const certFile = join(folder, 'users.conf');
    for (const tls of [{ certFile }, { keyFile: certFile }])
      await expect(nats.open({ ...all, tls })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('with TLS to a server that has none says that', async () => {
    await expect(nats.open({ ...all, tls: true, connectTimeoutMs: 0 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: expect.stringContaining('(TLS was asked for, and it has none)'),
    });
  });

  test('serves again after an outage', async () => {
    const [server, caller] = [await nats.open(all), await nats.open(all)];
    serve(server, coordinator.ps, async () => ({ tasks: [] }));
    await nats.server.kill();
    await until(() => !server.connected && !caller.connected);
    const asked = retrying(caller, { timeoutMs: 20_000 }, () => request(caller, coordinator.ps, {}));
    await nats.server.start();
    await expect(asked).resolves.toMatchObject({ tasks: [] });
  });

  test('closes in an outage', async () => {
    const connection = await nats.open(all);
    await nats.server.stop();
    await until(() => !connection.connected);
    await connection.close();
    expect(connection.connected).toBe(false);
  });

  test('waiting for it ends at a signal', async () => {
    const connection = await nats.open(all);
    await nats.server.stop();
    await until(() => !connection.connected);
    const waiting = connection.whenConnected(AbortSignal.timeout(50));
    await expect(waiting).rejects.toMatchObject({ code: 'EINTR' });
  });

  test('to nobody is given up in time, and says where nobody is', async () => {
    const url = 'nats://127.0.0.1:9';
    await expect(Connection.open({ url, name: 'x', connectTimeoutMs: 200 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: expect.stringContaining(url),
    });
    const signal = AbortSignal.timeout(50);
    await expect(Connection.open({ url, name: 'x', signal })).rejects.toMatchObject({ code: 'EINTR' });
  });

  test('is made as soon as the server is there', async () => {
    await nats.server.stop();
    const opening = nats.open(all);
    await nats.server.start();
    await expect(opening).resolves.toMatchObject({ connected: true });
  });

  test('with a wrong password, or none, is refused at once, with the server, the user and what to do', async () => {
    const refused = (who: string, advice: string) => ({
      code: 'EPERM',
      message: `the NATS server at ${nats.url} does not let in ${who} ('Authorization Violation'); give user and password by ${advice}`,
    });
    const here = 'the options `user` and `password`';
    await expect(nats.open({ user: 'all', password: 'wrong' })).rejects.toMatchObject(
      refused('the user all with this password', here),
    );
    await expect(nats.open()).rejects.toMatchObject(
      refused('anybody without a password, and none was given', here),
    );
    await expect(nats.open({ passwordFrom: '--password' })).rejects.toMatchObject(
      refused('anybody without a password, and none was given', '--password'),
    );
    await expect(nats.open({ token: 'wrong' })).rejects.toMatchObject(refused('who has this token', here));
  });

  test('takes no password from the address, and no message repeats it', async () => {
    const url = nats.url.replace('//', '//all:secret@');
    for (const each of [url, [nats.url, url], `${nats.url},${url}`])
      await expect(nats.open({ url: each, passwordFrom: '--password' })).rejects.toMatchObject({
        code: 'EINVAL',
        message:
          'user and password are not taken from the address of a NATS server; give user and password by --password',
      });
  });

  test('with options that contradict each other is refused', async () => {
    await expect(nats.open({ ...all, token: 'x' })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(nats.open({ credsFile: join(folder, 'none') })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('of a role does what that may, and is told what it may not', async () => {
    const refused: string[] = [];
    const connection = await nats.open({
      ...client,
      onError: ({ code, message }) => refused.push(`${code} ${message}`),
    });
    const server = await nats.open(all);
    serve(server, coordinator.ps, async () => ({ tasks: [] }));
    serve(server, coordinator.signal, async () => ({ tasks: 0 }));
    await server.flush();
    await expect(request(connection, coordinator.ps, {})).resolves.toMatchObject({ tasks: [] });
    await expect(request(connection, coordinator.signal, { pid: 1, signal: 'kill' })).rejects.toMatchObject({
      code: 'EPERM',
    });
    serve(connection, coordinator.workers, async () => ({ workers: [] }));
    await until(() => refused.some((text) => text.includes('subscription')));
    expect(refused.every((text) => text.startsWith('EPERM'))).toBe(true);
  });
});

describe('trying again', () => {
  test('ends when the time is over, leaving out outages, or at what cannot be mended', async () => {
    const connection = await nats.open(all);
    await expect(
      retrying(connection, { timeoutMs: 300 }, () => request(connection, coordinator.ps, {})),
    ).rejects.toMatchObject({ code: 'EAGAIN' });
    let tries = 0;
    serve(connection, coordinator.ps, async () => {
      tries++;
      throw new CkptError('ESRCH', 'no such task');
    });
    await expect(
      retrying(connection, { timeoutMs: 10_000 }, () => request(connection, coordinator.ps, {})),
    ).rejects.toMatchObject({ code: 'ESRCH' });
    expect(tries).toBe(1);
  });
});
