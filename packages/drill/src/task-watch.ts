import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@ckptree/client';
import { isCkptError } from '@ckptree/errors';
import type { DrillRecord } from './record.js';

const LOOK_MS = 1_000;
const ANSWER_MS = 20_000;
/** A lease of 30 s, and an outage before anybody can say that a task is to run on. */
const FROZEN_LIMIT_MS = 90_000;
/** A worker that was taken for lost runs its part on until it is back, and has given it up. */
const DOUBLED_LIMIT_MS = 30_000;
/** By then another coordinator leads, and nats-server is back. */
const SILENT_LIMIT_MS = 120_000;

/** Until the signal is raised: that no task stands still for long, or is there twice, and that somebody can be asked. */
export async function watchTasks(client: Client, record: DrillRecord, signal: AbortSignal): Promise<void> {
  const frozen = new Lasting(FROZEN_LIMIT_MS);
  const doubled = new Lasting(DOUBLED_LIMIT_MS);
  let answered = performance.now();
  while (!signal.aborted) {
    const tasks = await tasksOf(client, signal);
    const now = performance.now();
    if (tasks !== undefined) {
      answered = now;
      const frozenPids = tasks.filter(({ state }) => state === 'frozen').map(({ pid }) => pid);
      for (const [pid, ms] of frozen.tooLong(frozenPids, now))
        record.violation(`task ${pid} is frozen for ${seconds(ms)} s`);
      for (const [pid, ms] of doubled.tooLong(doubledPids(tasks), now))
        record.violation(`there are two tasks ${pid} for ${seconds(ms)} s`);
    } else if (now - answered > SILENT_LIMIT_MS) {
      record.violation(`nobody could be asked for ${seconds(now - answered)} s`);
      answered = now;
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

type Tasks = Awaited<ReturnType<Client['ps']>>['tasks'];

/** @returns undefined when nobody answers */
async function tasksOf(client: Client, signal: AbortSignal): Promise<Tasks | undefined> {
  try {
    return (await client.ps({ timeoutMs: ANSWER_MS, signal })).tasks;
  } catch (error) {
    if (isCkptError(error)) return undefined;
    throw error;
  }
}

/** Keeps in mind from when on something has been so of a task, each time that it is looked. */
class Lasting {
  readonly #limitMs: number;
  readonly #since = new Map<number, number>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** @param pids of which it is so now @returns those of which it has been so for longer than the limit, each once, and how long */
  tooLong(pids: readonly number[], now: number): (readonly [pid: number, ms: number])[] {
    for (const pid of this.#since.keys()) if (!pids.includes(pid)) this.#since.delete(pid);
    for (const pid of pids) if (!this.#since.has(pid)) this.#since.set(pid, now);
    const late = [...this.#since].filter(([, from]) => now - from > this.#limitMs);
    for (const [pid] of late) this.#since.set(pid, Number.POSITIVE_INFINITY);
    return late.map(([pid, from]) => [pid, now - from]);
  }
}

/** Zombies are nobody's: those of a tree that was lost may still be told of beside its restart. */
function doubledPids(tasks: Tasks): number[] {
  const pids = tasks.filter(({ state }) => state !== 'zombie').map(({ pid }) => pid);
  return pids.filter((pid, index) => pids.indexOf(pid) !== index);
}

const seconds = (ms: number): string => (ms / 1e3).toFixed(0);
