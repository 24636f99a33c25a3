import { CkptError } from '@ckptree/errors';
import { describe, expect, test } from '@jest/globals';
import { figures, sdkOnServer, succeeding, until } from './support/sdk.js';

const server = sdkOnServer();

describe('a checkpoint', () => {
  test('that fails rejects with its reason; who does not look is not struck by it', async () => {
    const error = { code: 'EBUSY', message: 'MM 3 has 2 users', fields: { object: 'MM', objref: 3 } };
    await server.coordinatorWith({}, () => [{ type: 'accepted' }, { type: 'failed', error }]);
    const sdk = await server.client();
    const ignored = await sdk.checkpoint(1);
    const seen: string[] = [];
    for await (const { type } of ignored) seen.push(type);
    expect(seen).toEqual(['accepted', 'failed']);
    await expect(ignored.done).rejects.toMatchObject({ code: 'EBUSY', fields: { object: 'MM', objref: 3 } });
  });

  test('that is accepted while no coordinator lives is done when one comes', async () => {
    const sdk = await server.client();
    const checkpoint = await sdk.checkpoint(1, { labels: { a: 'b' } });
    const coordinating = await server.coordinatorWith({}, () => succeeding);
    await expect(checkpoint.done).resolves.toMatchObject({ figures });
    expect(coordinating.requests).toMatchObject([{ pid: 1, labels: { a: 'b' }, checkpoint: checkpoint.id }]);
  });

  test('with the same key is the same checkpoint, whoever asks', async () => {
    const coordinating = await server.coordinatorWith(
      { checkpoints: async () => ({ checkpoints: [] }) },
      () => succeeding,
    );
    const [one, other] = [await server.client(), await server.client()];
    const handles = await Promise.all([
      one.checkpoint(1, { key: 'k' }),
      other.checkpoint(1, { key: 'k' }),
      one.checkpoint(1, { key: 'k' }),
    ]);
    const ids = new Set(handles.map(({ id }) => id));
    expect(ids.size).toBe(1);
    await Promise.all(handles.map(({ done }) => done));
    const another = await one.checkpoint(1, { key: 'other' });
    await another.done;
    expect(coordinating.requests.map(({ checkpoint }) => checkpoint)).toEqual([...ids, another.id]);
  });

  test('is followed by its id, also when its events are gone', async () => {
    const checkpoint = '20261123t153926123-00000001';
    const requested = '2026-11-23T15:39:26.123Z';
    await server.coordinatorWith({
      checkpoints: async () => ({
        checkpoints: [{ checkpoint, state: 'completed', pid: 1, requested, figures }],
      }),
    });
    const sdk = await server.client();
    await expect(sdk.follow(checkpoint).done).resolves.toEqual({ id: checkpoint, figures });
  });

  test('of which nobody knows is not waited for without a word of that', async () => {
    const checkpoint = '20261123t153926123-00000002';
    let failure = new CkptError('ENOENT', `the cluster knows no checkpoint ${checkpoint}`);
    await server.coordinatorWith({ checkpoints: () => Promise.reject(failure) });
    const sdk = await server.client();
    // It may have been asked for, and not be accepted yet.
    await expect(sdk.follow(checkpoint, { timeoutMs: 1_000 }).done).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      cause: { code: 'ENOENT' },
    });
    failure = new CkptError('EBADMSG', `the record of ${checkpoint} breaks its schema`);
    await expect(sdk.follow(checkpoint).done).rejects.toMatchObject({ code: 'EBADMSG' });
  });

  test('is cancelled, and says so', async () => {
    let cancelled = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    await server.coordinatorWith(
      {
        cancel: async () => {
          cancelled();
          return { state: 'cancelled' };
        },
      },
      async function* () {
        yield { type: 'accepted' };
        await waiting;
        yield { type: 'cancelled' };
      },
    );
    const sdk = await server.client();
    const checkpoint = await sdk.checkpoint(1);
    await expect(checkpoint.cancel()).resolves.toBe('cancelled');
    await expect(checkpoint.done).rejects.toMatchObject({ code: 'EINTR' });
  });

  test('is cancelled also before a coordinator has taken the request out of the queue', async () => {
    let asked = 0;
    await server.coordinatorWith({
      cancel: async () => {
        if (++asked === 1) throw new CkptError('ENOENT', 'there is no such checkpoint');
        return { state: 'cancelled' };
      },
    });
    const sdk = await server.client();
    const checkpoint = await sdk.checkpoint(1);
    await expect(checkpoint.cancel()).resolves.toBe('cancelled');
    await expect(sdk.follow(checkpoint.id).cancel()).resolves.toBe('cancelled');
  });

  test('that is not known, or does not become known in time, cannot be cancelled', async () => {
    await server.coordinatorWith({
      cancel: async () => {
        throw new CkptError('ENOENT', 'there is no such checkpoint');
      },
    });
    const sdk = await server.client();
    const known = await sdk.checkpoint(1);
    await expect(known.cancel({ timeoutMs: 500 })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sdk.follow('20261123t153926123-7f3a9c2e').cancel()).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('is not waited for longer than was said', async () => {
    const sdk = await server.client();
    const late = await sdk.checkpoint(1, { timeoutMs: 1_000 });
    await expect(late.done).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const abort = new AbortController();
    const given = await sdk.checkpoint(1, { signal: abort.signal });
    abort.abort();
    await expect(given.done).rejects.toMatchObject({ code: 'EINTR' });
    await expect(sdk.checkpoint(0)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(sdk.checkpoint(1, { stop: true, leaveFrozen: true })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    const clearing = await server.coordinatorWith({});
    await until(() => clearing.requests.length === 2);
  });

  test('is asked for no longer than was said, also during an outage', async () => {
    const sdk = await server.client();
    await server.nats.server.stop();
    await until(() => !sdk.connected);
    await expect(sdk.checkpoint(1, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await expect(sdk.checkpoint(1, { key: 'k', signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      code: 'EINTR',
    });
  });

  test('is told to its end over a crash of the server', async () => {
    let restarted = (): void => undefined;
    const back = new Promise<void>((resolve) => {
      restarted = resolve;
    });
    await server.coordinatorWith({}, async function* () {
      yield* succeeding.slice(0, 3);
      await back;
      yield* succeeding.slice(3);
    });
    const sdk = await server.client();
    const checkpoint = await sdk.checkpoint(1);
    const seen: string[] = [];
    const iterating = (async () => {
      for await (const { type } of checkpoint) seen.push(type);
    })();
    await until(() => seen.length === 3);
    await server.nats.server.kill();
    await until(() => !sdk.connected);
    restarted();
    await server.nats.server.start();
    await iterating;
    await expect(checkpoint.done).resolves.toMatchObject({ figures });
    expect(seen).toEqual(succeeding.map(({ type }) => type));
  });
});
