import { Connection, serve, type TaskRow, worker } from '@ckptree/protocol';
import { connect } from 'nats';

/** Subjects that the process answers or listens to; what they are for is told by who asks. */
export const SUBJECT = {
  fanOut: 'scale.fan-out',
  bulk: 'scale.bulk',
  cpu: 'scale.cpu',
} as const;

/** Subscriptions to SUBJECT.fanOut. */
export const LISTENERS = 200;

/** The worker that it says it is. */
export const WORKER_ID = 'worker-of-scale';

/** Rows of one page of the process table. */
export const ROWS = 5_000;

export const rowOf = (pid: number): TaskRow => ({
  pid,
  ppid: 1,
  tgid: pid,
  pgid: 1,
  sid: 1,
  comm: 'kvstore',
  state: 'running',
  ticks: 1_000_000 + pid,
  tree: 't-5f0c6a1b2d3e',
  worker: WORKER_ID,
});

/** The other end of what is measured, in a process of its own. Its argument is the address of the server. */
async function main(url: string): Promise<void> {
  const protocol = await Connection.open({ url, name: WORKER_ID });
  serve(protocol, worker(WORKER_ID).prepare, async () => ({
    tasks: 1000,
    mms: 1000,
    freezeUs: 210,
    snapshotUs: 9100,
  }));
  const tasks = Array.from({ length: ROWS }, (_, index) => rowOf(index + 1));
  serve(protocol, worker(WORKER_ID).ps, async () => ({ tasks }));
  const connection = await connect({ servers: url });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  connection.subscribe(SUBJECT.cpu, {
    callback: (_, message) => {
      const { user, system } = process.cpuUsage();
      message.respond(encoder.encode(JSON.stringify({ cpuSeconds: (user + system) / 1e6 })));
    },
  });
  for (let listener = 0; listener < LISTENERS; listener++)
    connection.subscribe(SUBJECT.fanOut, { callback: (_, { data }) => JSON.parse(decoder.decode(data)) });
  connection.subscribe(SUBJECT.bulk, { callback: (_, message) => message.respond() });
  await Promise.all([protocol.flush(), connection.flush()]);
  process.send?.('ready');
  await connection.closed();
}

const [, , url] = process.argv;
if (process.send !== undefined && url !== undefined) await main(url);
