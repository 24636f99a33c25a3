import type { WorkerRecord } from '@ckptree/protocol';
import { describe, expect, test } from '@jest/globals';
import { Workers } from '../dist/cluster/workers.js';
import { heartbeat } from './support/heartbeat.js';
import { until } from './support/test-cluster.js';

type Parts = ConstructorParameters<typeof Workers>[0];

/** Workers whose heartbeats go into a record, and of which only the first is heard. */
function deaf(watch: (signal: AbortSignal | undefined) => AsyncGenerator<object>) {
  const lost: string[] = [];
  let revision = 1;
  const entry = () => ({ key: 'w1', value: heartbeat('w1'), revision });
  const bucket = {
    watch: ({ signal }: { signal?: AbortSignal }) => watch(signal),
    get: async (): Promise<{ value: WorkerRecord; revision: number }> => entry(),
  };
  const workers = new Workers({
    connection: { connected: true } as Parts['connection'],
    workers: bucket as unknown as Parts['workers'],
    events: { publish: async () => undefined } as unknown as Parts['events'],
    treesOn: () => [],
    onJoined: () => undefined,
    onLost: (id) => lost.push(id),
    onError: () => undefined,
  });
  return { workers, lost, entry, beat: () => void revision++ };
}

const raised = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));

describe('a leader that hears nothing any more', () => {
  test('takes no worker for lost whose record goes on, and one for lost whose record does not', async () => {
    const first = { key: 'w1', value: heartbeat('w1'), revision: 1 };
    const { workers, lost, beat } = deaf(async function* (signal) {
      yield first;
      await raised(signal);
    });
    const beats = setInterval(beat, 1_000);
    try {
      await until(() => workers.isAlive('w1'));
      const heard = performance.now();
      await until(() => lost.length > 0 || performance.now() - heard > 9_000);
      expect(lost).toEqual([]);
      expect(workers.isAlive('w1')).toBe(true);
      clearInterval(beats);
      await until(() => lost.length > 0);
      expect(lost).toEqual(['w1']);
    } finally {
      clearInterval(beats);
      await workers.close();
    }
  });

  test('from the beginning says so: it does not take all workers for absent', async () => {
    // biome-ignore lint/correctness/useYield: it fails before there is anything
    const { workers } = deaf(async function* () {
      throw new Error('the bucket cannot be read');
    });
    await expect(workers.ready).rejects.toThrow('the bucket cannot be read');
    await workers.close();
  });
});
