import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Connection,
  type EventFilter,
  EventPublisher,
  type NewEvent,
  readEvents,
  type StoredEvent,
} from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newCheckpoint, TestNats, take, until } from './support/nats.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await TestNats.start();
});
afterEach(async () => {
  await nats.server.start();
  await nats.closeConnections();
});
afterAll(() => nats.remove());

const accepted = (checkpoint: string, pid = 1): NewEvent => ({ type: 'accepted', checkpoint, pid });
const completed = (checkpoint: string): NewEvent => ({ type: 'completed', checkpoint, pid: 1, figures: {} });

/** Publishes events `accepted` of one checkpoint, with these pids. */
async function publishPids(connection: Connection, checkpoint: string, pids: readonly number[]) {
  const publisher = new EventPublisher(connection);
  const published = await Promise.all(
    pids.map((pid) => publisher.publish(accepted(checkpoint, pid), `${checkpoint}.${pid}`)),
  );
  await publisher.close();
  return published;
}

const pidsOf = (events: readonly StoredEvent[]): unknown[] =>
  events.map(({ event }) => 'pid' in event && event.pid);
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

describe('publishing', () => {
  test('stores an event once, however often and by whomever it is told', async () => {
    const [one, other] = [await nats.cluster(), await nats.cluster()];
    const checkpoint = newCheckpoint();
    const publishers = [one, other, one].map((connection) => new EventPublisher(connection));
    const published = await Promise.all(
      publishers.map((publisher) => publisher.publish(completed(checkpoint), `${checkpoint}.completed`)),
    );
    expect(published.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(published.map(({ sequence }) => sequence)).size).toBe(1);
    const from = { at: 'beginning' } as const;
    const read = readEvents(one, { from, filter: { checkpoint }, follow: false });
    await expect(take(10, read)).resolves.toHaveLength(1);
  });

  test('keeps the order, over a crash of the server', async () => {
    const connection = await nats.cluster();
    const checkpoint = newCheckpoint();
    const first = publishPids(connection, checkpoint, numbers(1, 51));
    await nats.server.kill();
    const second = publishPids(connection, checkpoint, numbers(51, 101));
    await until(() => !connection.connected);
    await nats.server.start();
    await Promise.all([first, second]);
    const read = readEvents(connection, { from: { at: 'beginning' }, filter: { checkpoint }, follow: false });
    const pids = pidsOf(await take(1_000, read));
    expect(pids.filter((pid) => (pid as number) < 51)).toEqual(numbers(1, 51));
    expect(pids.filter((pid) => (pid as number) >= 51)).toEqual(numbers(51, 101));
  });

  test('refuses what breaks the schema, and what is too much', async () => {
    const connection = await nats.cluster();
    const publisher = new EventPublisher(connection, { capacity: 2, closeTimeoutMs: 50 });
    await expect(publisher.publish(accepted('no-id'), 'x')).rejects.toMatchObject({
      code: 'EINVAL',
      fields: { field: '/checkpoint' },
    });
    await nats.server.stop();
    await until(() => !connection.connected);
    const checkpoint = newCheckpoint();
    const waiting = [1, 2].map((pid) =>
      publisher.publish(accepted(checkpoint, pid), `${checkpoint}.${pid}`).catch(({ code }) => code),
    );
    publisher.offer(accepted(checkpoint, 3), `${checkpoint}.3`);
    expect(publisher.waiting).toBe(2);
    await expect(publisher.publish(accepted(checkpoint, 4), 'y')).rejects.toMatchObject({ code: 'EAGAIN' });
    await publisher.close();
    await expect(Promise.all(waiting)).resolves.toEqual(['EPIPE', 'EPIPE']);
    await expect(publisher.publish(accepted(checkpoint, 5), 'z')).rejects.toMatchObject({ code: 'EPIPE' });
  });
});

describe('reading', () => {
  test('ends with EPIPE when the connection is closed meanwhile, whatever it is about to do', async () => {
    const connection = await nats.cluster();
    const readers = Array.from({ length: 20 }, async (_, index) => {
      await sleep(index);
      for await (const _event of readEvents(connection, { from: { at: 'now' } }));
    });
    // Followed before the connection is closed: some end while it is.
    const ends = Promise.allSettled(readers);
    await sleep(10);
    await connection.close();
    for (const end of await ends)
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'EPIPE' } });
  });

  test('begins at a sequence, at a time, at the beginning or now', async () => {
    const connection = await nats.cluster();
    const checkpoint = newCheckpoint();
    const published = await publishPids(connection, checkpoint, [1, 2, 3]);
    const filter = { checkpoint };
    const sequence = published[1]!.sequence;
    const all = await take(3, readEvents(connection, { from: { at: 'beginning' }, filter }));
    expect(pidsOf(all)).toEqual([1, 2, 3]);
    expect(all.map((event) => event.sequence)).toEqual(published.map((event) => event.sequence));
    expect(
      pidsOf(await take(2, readEvents(connection, { from: { at: 'sequence', sequence }, filter }))),
    ).toEqual([2, 3]);
    const past = readEvents(connection, {
      from: { at: 'time', time: new Date(Date.now() + 60_000) },
      filter,
      follow: false,
    });
    expect(pidsOf(await take(9, past))).toEqual([]);
    const recent = readEvents(connection, {
      from: { at: 'time', time: new Date(Date.now() - 60_000) },
      filter,
      follow: false,
    });
    expect(pidsOf(await take(9, recent))).toEqual([1, 2, 3]);
    let atEnd = false;
    const onCaughtUp = (): void => {
      atEnd = true;
    };
    const fresh = take(1, readEvents(connection, { filter, onCaughtUp }));
    await until(() => atEnd);
    await publishPids(connection, checkpoint, [4]);
    expect(pidsOf(await fresh)).toEqual([4]);
  });

  test('filters by checkpoint, type, pid, name and labels', async () => {
    const connection = await nats.cluster();
    const publisher = new EventPublisher(connection);
    const [one, other] = [newCheckpoint(), newCheckpoint()];
    const from = {
      at: 'sequence',
      sequence: 1 + (await publisher.publish(accepted(one, 41), `${one}.0`)).sequence,
    } as const;
    const named = { name: 'n', labels: { a: '1', b: '2' } };
    await publisher.publish({ ...accepted(one, 42), ...named }, `${one}.1`);
    await publisher.publish(completed(one), `${one}.2`);
    await publisher.publish(accepted(other, 43), `${other}.1`);
    await publisher.publish({ type: 'worker.joined', worker: 'w1', host: 'h' }, `w1.${one}`);
    const typesOf = async (filter: EventFilter | undefined) =>
      (await take(99, readEvents(connection, { from, follow: false, ...(filter && { filter }) }))).map(
        ({ event }) => event.type,
      );
    expect(await typesOf(undefined)).toEqual(['accepted', 'completed', 'accepted', 'worker.joined']);
    expect(await typesOf({ checkpoint: one })).toEqual(['accepted', 'completed']);
    expect(await typesOf({ type: 'accepted' })).toEqual(['accepted', 'accepted']);
    expect(await typesOf({ types: ['completed', 'worker.joined'] })).toEqual(['completed', 'worker.joined']);
    expect(await typesOf({ worker: 'w1' })).toEqual(['worker.joined']);
    expect(await typesOf({ pid: 43 })).toEqual(['accepted']);
    expect(await typesOf({ name: 'n' })).toEqual(['accepted']);
    expect(await typesOf({ labels: { b: '2' } })).toEqual(['accepted']);
    expect(await typesOf({ labels: { b: '3' } })).toEqual([]);
    await publisher.close();
  });

  test('passes over what it does not know, and counts it', async () => {
    await nats.cluster();
    const { connection, seen } = await nats.observed();
    const checkpoint = newCheckpoint();
    const raw = await nats.raw();
    const subject = `ckptree.v1.event.checkpoint.${checkpoint}.accepted`;
    const bad = [
      'nonsense',
      '{"version":2}',
      '{"version":1,"type":"accepted"}',
      '{"version":1,"type":"newer"}',
    ];
    for (const content of bad) await raw.request(subject, content);
    await publishPids(connection, checkpoint, [1]);
    const read = readEvents(connection, { from: { at: 'beginning' }, filter: { checkpoint } });
    expect(pidsOf(await take(1, read))).toEqual([1]);
    expect(seen.map(({ outcome }) => outcome)).toEqual(['invalid', 'invalid', 'invalid']);
  });

  test('goes on over stops and crashes of the server, without loss or doubles', async () => {
    const [writer, reader] = [await nats.cluster(), await nats.open()];
    const checkpoint = newCheckpoint();
    const read = take(300, readEvents(reader, { from: { at: 'beginning' }, filter: { checkpoint } }));
    await publishPids(writer, checkpoint, numbers(1, 101));
    const across = publishPids(writer, checkpoint, numbers(101, 201));
    await nats.server.stop();
    await nats.server.start();
    await across;
    await nats.server.kill();
    await nats.server.start();
    await publishPids(writer, checkpoint, numbers(201, 301));
    expect(pidsOf(await read)).toEqual(numbers(1, 301));
  });

  test('that began now, and has seen nothing, misses nothing of an outage', async () => {
    const [writer, reader] = [await nats.cluster(), await nats.open()];
    const checkpoint = newCheckpoint();
    let ready = false;
    const onCaughtUp = (): void => {
      ready = true;
    };
    const read = take(1, readEvents(reader, { filter: { checkpoint }, onCaughtUp }));
    await until(() => ready);
    await nats.server.stop();
    await nats.server.start();
    await publishPids(writer, checkpoint, [7]);
    expect(pidsOf(await read)).toEqual([7]);
  });

  test('is the same for twenty who read at once, one of them slowly', async () => {
    const writer = await nats.cluster();
    const checkpoint = newCheckpoint();
    const readers = await Promise.all(numbers(0, 20).map(() => nats.open()));
    const reads = readers.map(async (reader, index) => {
      const seen: StoredEvent[] = [];
      for await (const event of readEvents(reader, { from: { at: 'beginning' }, filter: { checkpoint } })) {
        seen.push(event);
        if (index === 0 && seen.length === 1) await until(() => written);
        if (seen.length === 600) return pidsOf(seen);
      }
      return [];
    });
    let written = false;
    await publishPids(writer, checkpoint, numbers(1, 601));
    written = true;
    for (const pids of await Promise.all(reads)) expect(pids).toEqual(numbers(1, 601));
  });

  test('ends when its signal says so, also during an outage', async () => {
    const connection = await nats.cluster();
    for (const outage of [false, true]) {
      const abort = new AbortController();
      let ready = false;
      const onCaughtUp = (): void => {
        ready = true;
      };
      const read = take(1, readEvents(connection, { signal: abort.signal, onCaughtUp }));
      await until(() => ready);
      if (outage) await nats.server.stop();
      abort.abort();
      await expect(read).resolves.toEqual([]);
    }
  });

  test('says so when the stream is lost with what it held, and there is another', async () => {
    const other = await TestNats.start();
    const [writer, reader] = [await other.cluster(), await other.open()];
    const checkpoint = newCheckpoint();
    const read = readEvents(reader, { from: { at: 'beginning' }, filter: { checkpoint } });
    await publishPids(writer, checkpoint, [1]);
    expect((await read.next()).value).toMatchObject({ event: { pid: 1 } });
    await other.server.stop();
    await rm(join(other.server.dataFolder, 'jetstream'), { recursive: true });
    await other.server.start();
    await publishPids(await other.cluster(), checkpoint, [1, 2]);
    await expect(read.next()).rejects.toMatchObject({ code: 'EIO' });
    await other.remove();
  });

  test('on a server where no cluster is says so', async () => {
    const other = await TestNats.start();
    const connection = await other.open();
    await expect(take(1, readEvents(connection))).rejects.toMatchObject({ code: 'ENOENT' });
    await other.remove();
  });
});
