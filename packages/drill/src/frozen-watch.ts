import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@ckptree/client';
import { isCkptError } from '@ckptree/errors';
import type { DrillRecord } from './record.js';

const LOOK_MS = 1_000;
const ANSWER_MS = 20_000;
/** A lease of 30 s, and an outage before anybody can say that a task is to run on. */
const FROZEN_LIMIT_MS = 90_000;
/** By then another coordinator leads, and nats-server is back. */
const SILENT_LIMIT_MS = 120_000;

/** Sees to it that no task stands still for long, and that somebody can be asked. Until the signal is raised. */
export async function watchFrozen(client: Client, record: DrillRecord, signal: AbortSignal): Promise<void> {
  const since = new Map<number, number>();
  let answered = performance.now();
  while (!signal.aborted) {
    const tasks = await tasksOf(client, signal);
    const now = performance.now();
    if (tasks !== undefined) {
      answered = now;
      for (const [pid, from] of frozenSince(since, tasks, now))
        if (now - from > FROZEN_LIMIT_MS) {
          record.violation(`task ${pid} is frozen for ${seconds(now - from)} s`);
          since.set(pid, now);
        }
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

/** Keeps in mind from when on each task has been seen frozen, and nothing else. */
function frozenSince(since: Map<number, number>, tasks: Tasks, now: number): Map<number, number> {
  const frozen = new Set(tasks.filter(({ state }) => state === 'frozen').map(({ pid }) => pid));
  for (const pid of since.keys()) if (!frozen.has(pid)) since.delete(pid);
  for (const pid of frozen) if (!since.has(pid)) since.set(pid, now);
  return since;
}

const seconds = (ms: number): string => (ms / 1e3).toFixed(0);
