import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckpointHandle, Client } from '@ckptree/client';
import { Kernel, parseSpec, type TaskExit } from '@ckptree/kernel';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseExposition } from '../../../packages/service/test/support/exposition.js';
import { checkListed, endsIn, eventsOf } from './support/checkpoint-ends.js';
import { residentMemory } from './support/resident-memory.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';
import type { Wire } from './support/wire.js';

const MIB = 2 ** 20;
const MEMORY_MIB = 384;
/**
 * What a worker may have beside its tasks' memory and what it had before there were any: the slabs and packs of a dump
 * (about 100 MiB), what its threads have (in Node 24 more than in 20), and what malloc keeps. It is less than what waits to be saved.
 */
const BESIDE = 336 * MIB;
/** Longer than nats-server waits for a client that takes nothing (10 s) before it lets go of it. */
const STOP_MS = 12_000;
const PID = 1_000;
const LOOK_MS = 100;

/** Of which the root has half: it writes to all of its memory in a second. */
const TICKS_PER_SECOND = 200_000;

let cluster: TestCluster;
let wire: Wire;
/** How the root ends when nothing disturbs it. */
let digest: string;
beforeAll(async () => {
  digest = await undisturbed(PID);
});
afterEach(async () => {
  for (const id of cluster?.cluster.ids ?? [])
    if (id.startsWith('storage')) cluster.cluster.get(id).signal('SIGCONT');
  await cluster?.stop();
});

/** Memory that does not compress, which is written to all the time; and a task that never ends. */
const specOf = (pid: number) => {
  const params = { memoryMiB: MEMORY_MIB, writesPerTick: 1, ticks: 400_000 };
  const child = { pid: pid + 1, program: 'idle', params: { memoryMiB: 1, forever: true } };
  return { root: { pid, program: 'idle', params, children: [child] } };
};

async function undisturbed(pid: number): Promise<string> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: 2 * MEMORY_MIB * MIB });
  try {
    const ended = new Promise<TaskExit>((resolve) =>
      kernel.onExit((end) => {
        if (end.pid === pid) resolve(end);
      }),
    );
    await kernel.spawn(parseSpec(specOf(pid), { baseFolder: '/' }).tree);
    return (await ended).digest;
  } finally {
    await kernel.shutdown();
  }
}

const PAGES = (MEMORY_MIB * MIB) / 4_096;

const ticksOf = async (client: Client, pid: number): Promise<number> =>
  (await client.ps()).tasks.find((task) => task.pid === pid)?.ticks ?? 0;

/** The task that never ends goes on, and so does the root, unless it has come to its end. */
async function untilGoOn(client: Client, pid: number): Promise<void> {
  const before = new Map((await client.ps()).tasks.map((task) => [task.pid, task.ticks]));
  await until(async () => {
    const { tasks } = await client.ps();
    return tasks.every((task) => task.state === 'zombie' || task.ticks > (before.get(task.pid) ?? 0));
  });
  expect((await client.ps()).tasks).toContainEqual(
    expect.objectContaining({ pid: pid + 1, state: 'running' }),
  );
}

/** Watches what a worker has beside the memory of its tasks: the most that was seen. */
class Overhead {
  readonly #pid: number;
  readonly #url: string;
  readonly #end = new AbortController();
  #mostResident = 0;
  #mostUsed = 0;
  readonly #watching: Promise<void>;

  constructor({ pid, url }: { readonly pid: number; readonly url: string }) {
    this.#pid = pid;
    this.#url = url;
    this.#watching = this.#watch();
  }

  /** Frames that were in use once stay with the process. @returns bytes */
  async end(): Promise<number> {
    this.#end.abort();
    await this.#watching;
    return this.#mostResident - this.#mostUsed;
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.#mostResident = Math.max(this.#mostResident, (await residentMemory(this.#pid)).most);
      const samples = parseExposition(await (await fetch(`${this.#url}/metrics`)).text());
      const used = samples.find(({ name }) => name === 'ckptree_worker_memory_used_bytes');
      this.#mostUsed = Math.max(this.#mostUsed, used?.value ?? 0);
      await sleep(LOOK_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }
}

/** A tree whose memory is filled, and its checkpoint, at whose first large object that comes to storage this one stops. */
async function stopInTheMiddle(pid: number): Promise<CheckpointHandle> {
  const { client, cluster: services } = cluster;
  await client.spawn(specOf(pid));
  await until(async () => (await ticksOf(client, pid)) > PAGES);
  const stopped = wire.next(
    ({ subject }) => /\.storage\.(adopt|at\.[^.]+\.piece)$/.test(subject),
    () => services.get('storage-1').signal('SIGSTOP'),
  );
  const checkpoint = await client.checkpoint(pid);
  await stopped;
  return checkpoint;
}

/** It is whole, was cut before storage stood still, and a tree that starts from it ends as it should. */
async function checkCompleted(checkpoint: CheckpointHandle, pid: number): Promise<void> {
  const { client } = cluster;
  const { figures } = await checkpoint.done;
  const events = await eventsOf(client, checkpoint.id);
  expect(endsIn(events)).toEqual(['completed']);
  const resumed = events.find(({ type }) => type === 'resumed');
  expect(resumed).toMatchObject({ figures: { downtimeUs: figures.downtimeUs } });
  expect(figures.downtimeUs).toBeLessThan(STOP_MS * 1e3);
  await checkListed(client, checkpoint.id, true);
  await client.kill(pid);
  await until(async () => (await client.ps()).tasks.length === 0);

  const { tree } = await client.restart(checkpoint.id);
  const endOfRoot = async () => (await client.ends(tree)).ends.find((end) => end.pid === pid);
  await until(async () => (await endOfRoot()) !== undefined);
  expect(await endOfRoot()).toMatchObject({ exitCode: 0, digest });
  // It was not at its end when it was saved.
  expect((await endOfRoot())!.ticks).toBeGreaterThan(0);
  await client.kill(pid);
  await until(async () => (await client.ps()).tasks.length === 0);
}

describe.each(['volume', 'nats'] as const)('storage that stands still, with packs by %s', (carrier) => {
  test('holds up no task and fills no memory, and the checkpoint goes on when it does', async () => {
    cluster = await testCluster({
      carrier,
      args: {
        worker: [
          '--cpus',
          '1',
          '--threads',
          '1',
          '--memory',
          '900M',
          '--ticks-per-second',
          `${TICKS_PER_SECOND}`,
        ],
      },
    });
    const { client, cluster: services } = cluster;
    wire = await cluster.tap();
    const process = services.get('worker-1');
    const before = (await residentMemory(process.pid)).now;
    const overhead = new Overhead(await process.ready);

    const checkpoint = await stopInTheMiddle(PID);
    await untilGoOn(client, PID);
    await sleep(STOP_MS);
    await untilGoOn(client, PID);
    services.get('storage-1').signal('SIGCONT');
    await checkpoint.done;
    expect((await overhead.end()) - before).toBeLessThan(BESIDE);
    await checkCompleted(checkpoint, PID);

    expect(process.isRunning).toBe(true);
  });
});
