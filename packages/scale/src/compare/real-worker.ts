import { tmpdir } from 'node:os';
import { CkptError } from '@ckptree/errors';
import { type HeldCut, Kernel, parseSpec } from '@ckptree/kernel';
import { Connection, serve, worker } from '@ckptree/protocol';

/** A process that hosts tasks and is cut over NATS: the barrier of a cluster's worker, and nothing else of it. */
async function main(url: string, id: string, tasks: number): Promise<void> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: 256 * 2 ** 20 });
  const idle = { program: 'idle', params: { memoryMiB: 0, ticks: 1_000_000_000 } };
  const spec = { root: { ...idle, ...(tasks > 1 && { children: [{ ...idle, repeat: tasks - 1 }] }) } };
  const root = await kernel.spawn(parseSpec(spec, { baseFolder: tmpdir() }).tree);
  const connection = await Connection.open({ url, name: id });
  const { prepare, resume } = worker(id);
  let held: HeldCut | undefined;
  serve(connection, prepare, async ({ leaseMs }) => {
    held = await kernel.hold({ rootPid: root }, { leaseMs });
    return { tasks: held.tasks, mms: held.tasks, ...held.timing };
  });
  serve(connection, resume, async () => {
    if (held === undefined) throw new CkptError('EINVAL', `${id} holds no cut`);
    const { stoodStillUs, leaseEnded } = held.resume();
    held.release();
    held = undefined;
    return { downtimeUs: stoodStillUs, expired: leaseEnded };
  });
  await connection.flush();
  process.send?.('ready');
  await new Promise((resolve) => process.once('disconnect', resolve));
  await connection.close();
  await kernel.shutdown();
}

const [, , url, id, tasks] = process.argv;
if (process.send !== undefined && url !== undefined && id !== undefined) await main(url, id, Number(tasks));
