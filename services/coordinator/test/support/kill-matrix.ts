import { CONTROL_KEYS, recordsOf } from '@ckptree/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkListed, endOf, endsIn, eventsOf } from './checkpoint-ends.js';
import { runningTree, untilAllGoOn, untilReleased, untilWhole } from './running-tree.js';
import { type TestCluster, testCluster } from './test-cluster.js';
import type { Wire } from './wire.js';

const worker = (verb: string) => new RegExp(`^ckptree\\.v1\\.worker\\.worker-2\\.${verb}$`);
const storage = /^ckptree\.v1\.storage\.(put|begin)$/;

/** The first message of each step. */
const STEPS = {
  request: { subject: /^ckptree\.v1\.request\.checkpoint$/ },
  prepare: { subject: worker('prepare') },
  resume: { subject: worker('resume') },
  describe: { subject: worker('describe') },
  dump: { subject: worker('dump') },
  status: { subject: worker('status') },
  result: { subject: worker('result') },
  manifest: { subject: storage, json: /"manifests\// },
  completed: { subject: /^ckptree\.v1\.event\./, json: /"type":"completed"/ },
  release: { subject: worker('release') },
} as const satisfies Record<string, { readonly subject: RegExp; readonly json?: RegExp }>;
type Step = keyof typeof STEPS;

/**
 * Tests that kill -9 of a service at each step of a checkpoint does no harm. All of them are of one cluster; a file for
 * each service, so that they run beside each other.
 */
export function testKills(role: 'coordinator' | 'worker' | 'storage'): void {
  let cluster: TestCluster;
  let wire: Wire;
  let cases = 0;
  let last: { readonly checkpoint: string; readonly completed: boolean };

  beforeAll(async () => {
    cluster = await testCluster({
      coordinators: 2,
      workers: 3,
      storages: 2,
      // The same one is killed again and again.
      longestDelayMs: 1_000,
      args: { coordinator: ['--describe-timeout', '5s'] },
    });
    wire = await cluster.tap();
  });
  afterAll(() => cluster?.stop());

  async function victim(): Promise<number> {
    const services = cluster.cluster;
    if (role === 'worker') return services.get('worker-2').pid;
    if (role === 'storage') return services.get(`storage-${1 + (cases % 2)}`).pid;
    const leader = await recordsOf(cluster.client.connection).leader.get(CONTROL_KEYS.leader);
    return services.get(leader!.value.instance).pid;
  }

  describe(`kill -9 of a ${role}`, () => {
    test.each(Object.keys(STEPS) as Step[])(
      'at the first %s message: tasks go on, one end, nothing half listed, nothing held',
      async (step) => {
        const { client } = cluster;
        await untilWhole(cluster);
        const base = 1_000 + 100 * cases++;
        const { tree } = await runningTree(client, base);
        const pid = await victim();
        const at: { readonly subject: RegExp; readonly json?: RegExp } = STEPS[step];
        const killed = wire.next(
          ({ subject, json }) => at.subject.test(subject) && (at.json?.test(json) ?? true),
          () => process.kill(pid, 'SIGKILL'),
        );
        const checkpoint = await client.checkpoint(base);
        await killed;
        await untilAllGoOn(client, tree);
        const end = await endOf(checkpoint);
        if (end.type === 'failed') expect(end.reason).not.toBe('');
        await untilAllGoOn(client, tree);
        expect(endsIn(await eventsOf(client, checkpoint.id))).toEqual([end.type]);
        // Every byte is read once, at the end: the store grows with each of these.
        await checkListed(client, checkpoint.id, end.type === 'completed', false);
        last = { checkpoint: checkpoint.id, completed: end.type === 'completed' };

        await untilWhole(cluster);
        await untilReleased(client, checkpoint.id);
        await client.kill(base);
        const fresh = await runningTree(client, base + 50);
        await (await client.checkpoint(base + 50)).done;
        await untilAllGoOn(client, fresh.tree);
        await client.kill(base + 50);
      },
    );

    test('after all of it, every byte of what is listed is whole', async () => {
      await checkListed(cluster.client, last.checkpoint, last.completed);
    });
  });
}
