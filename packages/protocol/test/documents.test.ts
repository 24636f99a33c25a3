import { DocumentShelf, exchange, fetchDocument, sendDocument, worker } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TestNats } from './support/nats.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await TestNats.start();
});
afterEach(() => nats.closeConnections());
afterAll(() => nats.remove());

/** JSON that gzip makes little of. */
const large = (bytes: number): object => {
  const words: string[] = [];
  for (let seed = 1; words.length * 8 < bytes; seed = (seed * 48_271) % 0x7fff_ffff)
    words.push(seed.toString(36).padStart(7, '0'));
  return { words };
};

async function shelf(options: ConstructorParameters<typeof DocumentShelf>[2] = {}) {
  const [server, client] = [await nats.open(), await nats.open()];
  const kept = new DocumentShelf(server, 'w1', options);
  await server.flush();
  return { kept, client };
}

describe('a document', () => {
  test('that is small stands in the message', async () => {
    const { kept, client } = await shelf();
    const value = { skeleton: [1, 2, 3] };
    await expect(sendDocument(client, 'w1', value)).resolves.toEqual({ value });
    await expect(kept.offer(value)).resolves.toEqual({ value });
    await expect(kept.take({ value })).resolves.toEqual(value);
    await kept.close();
  });

  test('that is large goes to a worker, and comes from it, in pages', async () => {
    const { kept, client } = await shelf();
    const value = large(3_000_000);
    const sent = await sendDocument(client, 'w1', value);
    expect(sent).toMatchObject({ pages: expect.any(Number) });
    const text = JSON.stringify(value);
    expect(JSON.stringify(await kept.take(sent)) === text).toBe(true);
    const offered = await kept.offer(value);
    for (const _ of [1, 2])
      expect(JSON.stringify(await fetchDocument(client, 'w1', offered)) === text).toBe(true);
    await kept.close();
  });

  test('is kept for a while, and within bounds', async () => {
    const { kept, client } = await shelf({ capacity: 1_000_000, keepMs: 50 });
    await expect(sendDocument(client, 'w1', large(3_000_000))).rejects.toMatchObject({ code: 'EAGAIN' });
    const missing = { document: '0123456789abcdef', pages: 1 };
    await expect(kept.take(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fetchDocument(client, 'w1', missing)).rejects.toMatchObject({ code: 'ENOENT' });
    let ref = await sendDocument(client, 'w1', large(300_000)).catch(() => undefined);
    const deadline = performance.now() + 20_000;
    while (ref === undefined && performance.now() < deadline)
      ref = await sendDocument(client, 'w1', large(300_000)).catch(() => undefined);
    expect(ref).toBeDefined();
    await kept.close();
  });

  test('that is none is refused', async () => {
    const { kept, client } = await shelf();
    const document = '0123456789abcdef';
    const send = (page: number, pages: number, payload: Uint8Array) =>
      exchange(client, worker('w1').document, { document, page, pages }, { payload });
    await send(0, 2, Buffer.from('no gzip'));
    await expect(send(1, 3, Buffer.from('x'))).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(send(1, 2, new Uint8Array(600_000))).rejects.toMatchObject({ code: 'E2BIG' });
    await send(1, 2, Buffer.from('at all'));
    await expect(kept.take({ document, pages: 2 })).rejects.toMatchObject({ code: 'EBADMSG' });
    await kept.close();
  });
});
