import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CkptError } from '@ckptree/errors';
import { type Connection, coordinator, exchange, request, serve, storage, worker } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { headers } from 'nats';
import { TestNats, until } from './support/nats.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await TestNats.start();
});
afterEach(() => nats.closeConnections());
afterAll(() => nats.remove());

const tree = 't-5f0c6a1b2d3e';
const { start, disown } = worker('w1');
const counting = (connection: Connection) => serve(connection, start, async () => ({ tasks: 6 }));

/** What a client that knows nothing of ckptree is answered. */
async function answerTo(subject: string, content: string | Uint8Array): Promise<Record<string, unknown>> {
  const raw = await nats.raw();
  return (await raw.request(subject, content, { timeout: 10_000 })).json();
}

describe('a request', () => {
  test('README: is answered', async () => {
    const connection = await nats.open();
    const served = counting(connection);
    await expect(request(connection, start, { tree })).resolves.toEqual({ tasks: 6 });
    await served.stop();
  });

  test('comes to who serves it without the version of its message', async () => {
    const connection = await nats.open();
    const heard: unknown[] = [];
    const served = serve(connection, start, async (asked) => {
      heard.push(asked);
      return { tasks: 6 };
    });
    await request(connection, start, { tree, frozen: true });
    expect(heard).toEqual([{ tree, frozen: true }]);
    await served.stop();
  });

  test('that nobody serves says who is missing', async () => {
    const connection = await nats.open();
    await expect(request(connection, coordinator.ps, {})).rejects.toMatchObject({
      code: 'EAGAIN',
      message: expect.stringContaining('the coordinator is not there'),
    });
  });

  test('that is not answered in time says by whom', async () => {
    const connection = await nats.open();
    let end = (): void => undefined;
    const served = serve(
      connection,
      start,
      () =>
        new Promise((resolve) => {
          end = () => resolve({ tasks: 1 });
        }),
    );
    await expect(request(connection, start, { tree }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: expect.stringContaining('worker w1 did not answer worker.start within 100 ms'),
    });
    end();
    await served.stop();
  });

  test('ends when its signal says so, before and while it waits', async () => {
    const connection = await nats.open();
    const abort = new AbortController();
    const served = serve(connection, start, async () => {
      abort.abort();
      return new Promise(() => undefined);
    });
    const { signal } = abort;
    await expect(request(connection, start, { tree }, { signal })).rejects.toMatchObject({ code: 'EINTR' });
    await expect(request(connection, start, { tree }, { signal })).rejects.toMatchObject({ code: 'EINTR' });
    expect(served).toBeDefined();
  });

  test('shares its signal with many others, and Node does not take that for a leak', async () => {
    const served = counting(await nats.open());
    // Its warnings go past the tests.
    const program = `
      import { Connection, request, worker } from '@ckptree/protocol';
      const connection = await Connection.open({ url: '${nats.url}', name: 'many' });
      const { signal } = new AbortController();
      const asked = () => request(connection, worker('w1').start, { tree: '${tree}' }, { signal });
      console.log((await Promise.all(Array.from({ length: 20 }, asked))).length);
      await connection.close();`;
    const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
    expect(await child).toEqual({ stdout: '20\n', stderr: '' });
    await served.stop();
  });

  test('fails with the error of who answers: code, place and cause', async () => {
    const connection = await nats.open();
    serve(connection, start, async () => {
      throw new CkptError('EBUSY', 'another cut', { pid: 7, worker: 'w1' }, new CkptError('EIO', 'below'));
    });
    await expect(request(connection, start, { tree })).rejects.toMatchObject({
      code: 'EBUSY',
      message: 'another cut',
      fields: { pid: 7, worker: 'w1' },
      cause: { code: 'EIO', message: 'below' },
    });
  });

  test('is EBADMSG when the answer is none', async () => {
    const connection = await nats.open();
    const raw = await nats.raw();
    const answers = [
      'nonsense',
      '{"ok":true,"tasks":-1}',
      '{"ok":false}',
      '{"ok":false,"error":{"code":1}}',
      '[]',
      '',
    ];
    raw.subscribe(start.subject, {
      callback: (_, message) => void message.respond(answers.shift() ?? ''),
    });
    await raw.flush();
    while (answers.length > 0)
      await expect(request(connection, start, { tree })).rejects.toMatchObject({ code: 'EBADMSG' });
  });

  test('that is larger than the server takes is E2BIG', async () => {
    const connection = await nats.open();
    const payload = new Uint8Array(connection.maxPayload + 1);
    await expect(exchange(connection, storage.put, { name: 'packs/a' }, { payload })).rejects.toMatchObject({
      code: 'E2BIG',
    });
  });
});

describe('what comes in', () => {
  const valid = JSON.stringify({ version: 1, tree });
  const refused: readonly (readonly [string, string, string, string])[] = [
    ['no JSON', 'nonsense', 'EINVAL', '/'],
    ['nothing', '', 'EINVAL', '/'],
    ['a letter', 'ä', 'EINVAL', '/'],
    ['an array', '[]', 'EINVAL', '/version'],
    ['null', 'null', 'EINVAL', '/version'],
    ['no version', JSON.stringify({ tree }), 'EINVAL', '/version'],
    ['another version', JSON.stringify({ version: 2, tree: 'as it is then' }), 'EINVAL', '/version'],
    ['a missing field', JSON.stringify({ version: 1 }), 'EINVAL', '/tree'],
    ['a wrong field', JSON.stringify({ version: 1, tree: '*' }), 'EINVAL', '/tree'],
    ['a wrong type', JSON.stringify({ version: 1, tree, frozen: 'yes' }), 'EINVAL', '/frozen'],
    ['deep nesting', `{"version":1,"x":${'['.repeat(20_000)}`, 'E2BIG', '/'],
    [
      'too many bytes',
      JSON.stringify({ version: 1, tree, more: 'x'.repeat(start.definition.maxBytes) }),
      'E2BIG',
      '/',
    ],
  ];

  test.each(refused)(
    'with %s is refused, names the field, and is counted',
    async (_, content, code, field) => {
      const { connection, seen } = await nats.observed();
      counting(connection);
      await connection.flush();
      const answer = await answerTo(start.subject, content);
      expect(answer).toMatchObject({ ok: false, error: { code, fields: { field } } });
      expect(seen).toEqual([
        { name: 'worker.start', outcome: 'invalid', code, durationMs: expect.any(Number) },
      ]);
      await expect(answerTo(start.subject, valid)).resolves.toEqual({ ok: true, tasks: 6 });
    },
  );

  test('names the field within', async () => {
    const connection = await nats.open();
    serve(connection, disown, async () => ({ gone: 0 }));
    await connection.flush();
    const content = JSON.stringify({ version: 1, tree, parents: [1, 0] });
    const answer = await answerTo(disown.subject, content);
    expect(answer).toMatchObject({ error: { fields: { field: '/parents/1' } } });
  });

  test('is taken with fields that are not known', async () => {
    const connection = await nats.open();
    counting(connection);
    await connection.flush();
    const content = JSON.stringify({ version: 1, tree, newer: { a: [1] } });
    await expect(answerTo(start.subject, content)).resolves.toEqual({ ok: true, tasks: 6 });
  });

  test('without a place for the answer is dropped, and counted', async () => {
    const { connection, seen } = await nats.observed();
    counting(connection);
    await connection.flush();
    (await nats.raw()).publish(start.subject, 'nonsense');
    await until(() => seen.length > 0);
    expect(seen).toMatchObject([{ name: 'worker.start', outcome: 'dropped' }]);
  });

  test('whatever it is, is answered, and the next valid request is served', async () => {
    const connection = await nats.open();
    counting(connection);
    await connection.flush();
    const raw = await nats.raw();
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .record(
          { version: fc.constant(1), tree: fc.anything(), frozen: fc.anything() },
          { requiredKeys: ['version'] },
        )
        .map((message) =>
          Buffer.from(JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? 0 : value))),
        ),
    );
    const property = fc.asyncProperty(anything, async (content) => {
      const answer = (await raw.request(start.subject, content, { timeout: 10_000 })).json();
      expect(answer).toMatchObject({ ok: expect.any(Boolean) });
    });
    await fc.assert(property, { numRuns: 300 });
    await expect(request(connection, start, { tree })).resolves.toEqual({ tasks: 6 });
  });
});

describe('bytes beside a message', () => {
  const content = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);

  test('travel to who serves, and back, with JSON of any letters', async () => {
    const connection = await nats.open();
    const got: Uint8Array[] = [];
    serve(connection, storage.put, async ({ name }, { payload }) => {
      got.push(payload);
      return { created: name === 'packs/a' };
    });
    serve(connection, storage.read, async () => ({ reply: {}, payload: content }));
    serve(connection, storage.list, async () => {
      throw new CkptError('EIO', 'Platte »ä« 💥\n is full');
    });
    const { reply } = await exchange(connection, storage.put, { name: 'packs/a' }, { payload: content });
    expect(reply).toEqual({ created: true });
    expect(got.map((payload) => Buffer.compare(payload, content))).toEqual([0]);
    const read = await exchange(connection, storage.read, { name: 'packs/a', position: 0, length: 9 });
    expect(Buffer.compare(read.payload, content)).toBe(0);
    await expect(request(connection, storage.list, { kind: 'packs' })).rejects.toMatchObject({
      message: 'Platte »ä« 💥\n is full',
    });
  });

  test('without their JSON, or with JSON that breaks the schema, are refused', async () => {
    const connection = await nats.open();
    serve(connection, storage.put, async () => ({ created: true }));
    await connection.flush();
    const raw = await nats.raw();
    const ask = async (json?: string) => {
      const head = headers();
      if (json !== undefined) head.set('Ckptree', json);
      return (await raw.request(storage.put.subject, content, { headers: head, timeout: 10_000 })).json();
    };
    expect(await ask()).toMatchObject({ error: { code: 'EINVAL', fields: { field: 'Ckptree' } } });
    expect(await ask('{"version":1,"name":"../x"}')).toMatchObject({ error: { fields: { field: '/name' } } });
    expect(await ask('{"version":1,"name":"packs/a"}')).toEqual({ ok: true, created: true });
  });
});

describe('who serves', () => {
  test('answers EAGAIN when too much is under way', async () => {
    const connection = await nats.open();
    const ends: (() => void)[] = [];
    const handler = () =>
      new Promise<{ tasks: number }>((resolve) => {
        ends.push(() => resolve({ tasks: 1 }));
      });
    serve(connection, start, handler, { concurrency: 2 });
    const waiting = [request(connection, start, { tree }), request(connection, start, { tree })];
    await until(() => ends.length === 2);
    await expect(request(connection, start, { tree })).rejects.toMatchObject({ code: 'EAGAIN' });
    for (const end of ends) end();
    await expect(Promise.all(waiting)).resolves.toHaveLength(2);
  });

  test('cannot answer what breaks the schema of the reply', async () => {
    const connection = await nats.open();
    serve(connection, start, async () => ({ tasks: -1 }));
    await expect(request(connection, start, { tree })).rejects.toMatchObject({
      code: 'EIO',
      message: expect.stringContaining('/tasks'),
    });
  });

  test('answers E2BIG when the reply does not fit', async () => {
    const connection = await nats.open();
    serve(connection, storage.read, async () => ({
      reply: {},
      payload: new Uint8Array(connection.maxPayload),
    }));
    const body = { name: 'packs/a', position: 0, length: 1 };
    await expect(exchange(connection, storage.read, body)).rejects.toMatchObject({ code: 'E2BIG' });
  });

  test('shares requests in a queue group, and answers what was taken before it stops', async () => {
    const [one, other, client] = [await nats.open(), await nats.open(), await nats.open()];
    const counts = [0, 0];
    const served = [one, other].map((connection, index) =>
      serve(
        connection,
        start,
        async () => {
          counts[index]!++;
          return { tasks: index };
        },
        { queue: 'q' },
      ),
    );
    await Promise.all([one.flush(), other.flush()]);
    const asked = Array.from({ length: 100 }, () => request(client, start, { tree }));
    await until(() => counts[0]! > 0);
    await served[0]!.stop();
    await expect(Promise.all(asked)).resolves.toHaveLength(100);
    expect(counts[0]! + counts[1]!).toBe(100);
    await expect(request(client, start, { tree })).resolves.toEqual({ tasks: 1 });
  });
});
