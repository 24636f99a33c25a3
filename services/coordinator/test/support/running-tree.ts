import type { Client, StartedTree } from '@ckptree/client';
import { isCkptError } from '@ckptree/errors';
import { isUnserved, request, worker } from '@ckptree/protocol';
import { type TestCluster, until } from './test-cluster.js';

const WORKERS = ['worker-1', 'worker-2', 'worker-3'] as const;
const ANSWER_MS = 2_000;

/** Four tasks over three workers that never end, with some memory that they write to. @param pid of the root; three follow */
export function runningTree(client: Client, pid: number, memoryMiB = 2): Promise<StartedTree> {
  const task = (own: number) => ({
    pid: own,
    program: 'idle',
    params: { memoryMiB, forever: true, writesPerTick: 1 },
  });
  const root = { ...task(pid), children: [task(pid + 1), task(pid + 2), task(pid + 3)] };
  const placement = Object.fromEntries(
    [0, 1, 2, 0].map((place, index) => [String(pid + index), WORKERS[place]!]),
  );
  return client.spawn({ root }, { placement });
}

/** Ticks of the tasks of a tree, by pid, as those workers say that answer: no coordinator need live. */
export async function ticksOf({ connection }: Client, tree: string): Promise<Map<number, number>> {
  const answers = await fromAll((id) =>
    request(connection, worker(id).ps, { tree }, { timeoutMs: ANSWER_MS }),
  );
  return new Map(answers.flatMap(({ tasks }) => tasks).map(({ pid, ticks }) => [pid, ticks]));
}

/** Waits until no worker that answers holds anything of a checkpoint. */
export const untilReleased = ({ connection }: Client, checkpoint: string): Promise<void> =>
  until(async () => {
    const states = await fromAll((id) =>
      request(connection, worker(id).status, { checkpoint }, { timeoutMs: ANSWER_MS }),
    );
    return states.every(({ state }) => state === 'unknown');
  });

/** What the workers answer that can. */
async function fromAll<Answer>(ask: (id: string) => Promise<Answer>): Promise<Answer[]> {
  const answers = await Promise.allSettled(WORKERS.map(ask));
  return answers.flatMap((answer) => {
    if (answer.status === 'fulfilled') return [answer.value];
    return noAnswer(answer.reason);
  });
}

function noAnswer(error: unknown): [] {
  if (isCkptError(error) && (error.code === 'ETIMEDOUT' || isUnserved(error))) return [];
  throw error;
}

/** Waits until every task that is there by now has gone on, and there is at least one. */
export async function untilAllGoOn(client: Client, tree: string): Promise<void> {
  const before = await ticksOf(client, tree);
  await until(async () => {
    const now = await ticksOf(client, tree);
    return now.size > 0 && [...now].every(([pid, ticks]) => ticks > (before.get(pid) ?? -1));
  });
}

/** Every service is up, and a coordinator leads that knows all workers. */
export async function untilWhole({ cluster, client }: TestCluster): Promise<void> {
  await until(() => cluster.ids.every((id) => cluster.get(id).isRunning));
  await Promise.all(cluster.ids.map((id) => cluster.get(id).ready));
  // Who taps the wire takes a request that nobody else takes: it must be asked again soon.
  await until(async () => {
    const workers = await client.workers({ timeoutMs: ANSWER_MS }).catch(noAnswer);
    return workers.length === WORKERS.length;
  });
}
