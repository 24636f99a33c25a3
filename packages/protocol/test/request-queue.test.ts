import { type Connection, queueRequest, takeRequests } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newCheckpoint, TestNats, until } from './support/nats.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await TestNats.start();
});
afterEach(async () => {
  await nats.server.start();
  await nats.closeConnections();
});
afterAll(() => nats.remove());

const newRequest = (pid = 1) => ({
  version: 1 as const,
  checkpoint: newCheckpoint(),
  pid,
  requested: new Date().toISOString(),
});

/** Takes requests until it is ended. */
function coordinator(connection: Connection, ackWaitMs = 30_000) {
  const abort = new AbortController();
  const taken: number[] = [];
  const invalid: string[] = [];
  const onInvalid = ({ code }: { readonly code: string }): void => void invalid.push(code);
  const work = (async () => {
    for await (const { request, ack } of takeRequests(connection, {
      signal: abort.signal,
      ackWaitMs,
      onInvalid,
    }))
      if (await ack()) taken.push(request.pid);
  })();
  const end = (): Promise<void> => {
    abort.abort();
    return work;
  };
  return { taken, invalid, end };
}

describe('a request', () => {
  test('that is accepted while no coordinator lives is taken when one comes, once', async () => {
    const client = await nats.cluster();
    const request = newRequest(1);
    await expect(queueRequest(client, request)).resolves.toMatchObject({ duplicate: false });
    await expect(queueRequest(client, request)).resolves.toMatchObject({ duplicate: true });
    const first = coordinator(await nats.open());
    await until(() => first.taken.length === 1);
    await first.end();
    await queueRequest(client, newRequest(2));
    const second = coordinator(await nats.open());
    await until(() => second.taken.length === 1);
    await second.end();
    expect([first.taken, second.taken]).toEqual([[1], [2]]);
  });

  test('that comes as a coordinator ends is taken by the next one at once', async () => {
    const client = await nats.cluster();
    const connections = [await nats.open(), await nats.open()];
    const coordinators = [coordinator(connections[0]!)];
    const taken = (): number[] => coordinators.flatMap((each) => each.taken);
    for (let round = 1; round <= 40; round++) {
      const ended = coordinators.at(-1)!.end();
      await queueRequest(client, newRequest(round));
      coordinators.push(coordinator(connections[round % 2]!));
      // Else it came only when nobody had acknowledged it for half a minute.
      await until(() => taken().length === round, 10_000);
      await ended;
    }
    await coordinators.at(-1)!.end();
    expect(taken()).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  test('goes to one of several coordinators', async () => {
    const client = await nats.cluster();
    const coordinators = [coordinator(await nats.open()), coordinator(await nats.open())];
    const pids = Array.from({ length: 40 }, (_, index) => index + 1);
    await Promise.all(pids.map((pid) => queueRequest(client, newRequest(pid))));
    const taken = (): number[] => coordinators.flatMap((each) => each.taken);
    await until(() => taken().length === pids.length);
    await Promise.all(coordinators.map((each) => each.end()));
    expect(taken().sort((one, other) => one - other)).toEqual(pids);
  });

  test('comes again when who took it asks so, or dies', async () => {
    const client = await nats.cluster();
    await queueRequest(client, newRequest(5));
    const attempts: number[] = [];
    const dying = await nats.open();
    for await (const { attempts: attempt, retry, working } of takeRequests(dying, { ackWaitMs: 500 })) {
      attempts.push(attempt);
      working();
      if (attempt === 1) retry(10);
      else break;
    }
    await dying.close();
    const heir = coordinator(await nats.open(), 500);
    await until(() => heir.taken.length === 1);
    await heir.end();
    expect(attempts).toEqual([1, 2]);
    expect(heir.taken).toEqual([5]);
  });

  test('is taken over a restart of the server', async () => {
    const client = await nats.cluster();
    const reader = coordinator(await nats.open());
    await queueRequest(client, newRequest(6));
    await until(() => reader.taken.length === 1);
    await nats.server.stop();
    await until(() => !client.connected);
    const queued = queueRequest(client, newRequest(7), { timeoutMs: 20_000 });
    await nats.server.start();
    await queued;
    await until(() => reader.taken.length === 2);
    await reader.end();
    expect(reader.taken).toEqual([6, 7]);
  });

  test('that is none is told, and does not come again', async () => {
    await nats.cluster();
    const client = await nats.open();
    const raw = await nats.raw();
    const reader = coordinator(await nats.open(), 500);
    for (const content of ['nonsense', '{"version":2}', '{"version":1,"pid":1}'])
      await raw.request('ckptree.v1.request.checkpoint', content);
    await queueRequest(client, newRequest(8));
    await until(() => reader.taken.length === 1);
    expect(reader.invalid).toEqual(['EINVAL', 'EINVAL', 'EINVAL']);
    await reader.end();
    await expect((async () => queueRequest(client, newRequest(0)))()).rejects.toMatchObject({
      code: 'EINVAL',
      fields: { field: '/pid' },
    });
  });
});
