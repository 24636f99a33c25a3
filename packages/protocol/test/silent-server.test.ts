import { setTimeout as sleep } from 'node:timers/promises';
import { coordinator, exchange, request, serve, storageAt } from '@ckptree/protocol';
import { afterEach, describe, expect, test } from '@jest/globals';
import { TestNats, until } from './support/nats.js';

/** Longer than one attempt to connect may take. */
const ATTEMPT_MS = 7_000;
/** The server ends what does not answer its pings within this. */
const STALE_MS = 20_000;

describe('a server that stands still', () => {
  const servers: TestNats[] = [];
  const start = async (): Promise<TestNats> => {
    const nats = await TestNats.start();
    servers.push(nats);
    return nats;
  };
  const signal = ({ server }: TestNats, name: NodeJS.Signals) => process.kill(server.pid!, name);

  afterEach(async () => {
    for (const nats of servers.splice(0)) {
      await nats.closeConnections();
      await nats.remove();
    }
  });

  test('and goes on is connected to once, and for good', async () => {
    const nats = await start();
    const connection = await nats.open();
    const seen: string[] = [];
    connection.onStatus((status) => seen.push(status));
    signal(nats, 'SIGSTOP');
    await until(() => !connection.connected);
    await sleep(ATTEMPT_MS);
    signal(nats, 'SIGCONT');
    await until(() => connection.connected);
    // Of an attempt that was given up nothing is left for the server to end.
    await sleep(STALE_MS);
    expect(seen).toEqual(['disconnected', 'connected']);
  });

  test('is left for another one, also with more to tell it than fits into its socket', async () => {
    const [one, other] = [await start(), await start()];
    const connection = await one.open({ url: [one.url, other.url] });
    const served = await one.open();
    serve(served, coordinator.ps, async () => ({ tasks: [] }));
    await served.flush();
    const isAtOne = await request(connection, coordinator.ps, {}).then(
      () => true,
      () => false,
    );
    signal(isAtOne ? one : other, 'SIGSTOP');
    const body = { upload: '9c2e51b7d8460f3a', position: 0 };
    const payload = new Uint8Array(4 * 2 ** 20);
    const sent = Array.from({ length: 8 }, () =>
      exchange(connection, storageAt('s1').piece, body, { payload }).catch(() => undefined),
    );
    await until(() => !connection.connected);
    await until(() => connection.connected);
    await Promise.all(sent);
  });
});
