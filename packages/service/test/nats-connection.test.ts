import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { Connection, recordsOf } from '@ckptree/protocol';
import { createLog, makeCluster } from '@ckptree/service';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseExposition } from './support/exposition.js';
import { Nats } from './support/nats.js';
import { ExampleService, eventually } from './support/service.js';

describe('the connection of a service to NATS', () => {
  let nats: TestServer;
  beforeAll(async () => {
    nats = await testServer();
  });
  afterAll(() => nats.remove());

  const checked = async (service: ExampleService) => {
    const { status, body } = await service.get('/readyz');
    return { status, ...(JSON.parse(body) as object) };
  };

  const connectedMetric = async (service: ExampleService) => {
    const samples = parseExposition((await service.get('/metrics')).body);
    return samples.find(({ name }) => name === 'ckptree_nats_connected')?.value;
  };

  test('is a readiness check and a metric, which follow it when it is lost and when it is back', async () => {
    const service = new ExampleService(['--connect', '--nats', nats.url]);
    await service.announced('ready');
    expect(await checked(service)).toMatchObject({ status: 200, checks: { nats: { ok: true } } });
    expect(await connectedMetric(service)).toBe(1);

    await nats.server.stop();
    await eventually('it is not ready', async () => (await checked(service)).status === 503);
    expect(await checked(service)).toMatchObject({
      checks: { nats: { ok: false, reason: 'there is no connection to NATS' } },
    });
    expect(await connectedMetric(service)).toBe(0);
    expect(await service.get('/healthz')).toMatchObject({ status: 200 });

    await nats.server.start();
    await eventually('it is ready again', async () => (await checked(service)).status === 200);
    const { body } = await service.get('/metrics');
    expect(body).toMatch(/^ckptree_nats_reconnects_total 1$/m);
    service.child.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0 });
  });

  test('is waited for, as long as it takes or until the service is to end', async () => {
    await nats.server.stop();
    const waits = new ExampleService(['--connect', '--nats', nats.url]);
    const givesUp = new ExampleService(['--connect', '--nats', nats.url]);
    await givesUp.announced('listening');
    givesUp.child.kill('SIGTERM');
    expect(await givesUp.ended).toMatchObject({ code: 0 });
    expect(await checked(waits)).toMatchObject({ status: 503, checks: { started: { ok: false } } });
    await nats.server.start();
    await waits.announced('ready');
    await eventually('it is ready', async () => (await checked(waits)).status === 200);
  });

  test('may be lost while the cluster is set up: that waits for the server, however long it is away', async () => {
    const connection = await Connection.open({ url: nats.url, name: 'test' });
    try {
      const log = createLog({ role: 'coordinator', id: 'c1' }, 'fatal');
      await nats.server.kill();
      const { signal } = new AbortController();
      const making = makeCluster(connection, {}, { log, signal });
      const givenUp = makeCluster(connection, {}, { log, signal: AbortSignal.timeout(6_000) });
      await expect(givenUp).rejects.toMatchObject({ name: 'AbortError' });
      await nats.server.start();
      await making;
      expect(await recordsOf(connection).workers.get('none')).toBeUndefined();
    } finally {
      await connection.close();
    }
  });

  test('that is refused ends the service, and the log says why', async () => {
    const strict = await Nats.start('nats-server.conf');
    try {
      const env = { CKPTREE_NATS_WORKER_PASSWORD: 'wrong' };
      const service = new ExampleService(['--connect', '--nats', strict.url], env);
      expect(await service.ended).toMatchObject({ code: 1 });
      expect(service.log.find(({ level }) => level === 'fatal')).toMatchObject({
        err: {
          code: 'EPERM',
          message: expect.stringMatching(
            /does not let in the user worker .*; give user and password by .*CKPTREE_NATS_WORKER_PASSWORD$/,
          ),
        },
      });
      const right = { CKPTREE_NATS_WORKER_PASSWORD: 'pwworker' };
      await new ExampleService(['--connect', '--nats', strict.url], right).announced('ready');
    } finally {
      await strict.stop();
    }
  });
});
