import { resolve } from 'node:path';
import { CLUSTER_STOP_MS, LocalCluster, type ServiceEvent } from '@ckptree/local-cluster';
import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import { usageError } from '../usage-error.js';

export const UpReport = Type.Object(
  {
    nats: Type.String({ description: 'Where the cluster was.' }),
    data: Type.String({ description: 'The folder that it keeps everything in.' }),
  },
  { additionalProperties: false },
);
type UpReport = Static<typeof UpReport>;

export interface UpOptions {
  readonly json?: true | undefined;
  readonly workers: number;
  readonly storage: number;
  readonly coordinators: number;
  readonly data: string;
  readonly nats?: string | undefined;
  readonly carrier: 'volume' | 'nats';
  readonly memory?: number | undefined;
  readonly ticksPerSecond?: number | undefined;
}

/** Runs a whole cluster on this machine until somebody ends it. */
export async function up(options: UpOptions, session: Session): Promise<Outcome<UpReport>> {
  const { workers, storage, coordinators, nats, carrier } = options;
  const data = resolve(options.data);
  const url = nats ?? (process.env.NATS_URL || undefined);
  // It would be told here, and be seen by all in the command lines of the services.
  if (url?.includes('@'))
    throw usageError(
      'user and password are not taken from the address of a NATS server; services take them from CKPTREE_NATS_WORKER_PASSWORD and the like',
    );
  if (url !== undefined)
    session.say(`using the NATS server at ${url}, as ${nats === undefined ? 'NATS_URL' : '--nats'} says`);
  session.endsWithin(CLUSTER_STOP_MS);
  const cluster = await session.progress.during(
    'starting',
    () => 'nats-server and services',
    () =>
      LocalCluster.start({
        dataFolder: data,
        workers,
        storages: storage,
        coordinators,
        carrier,
        ...(url !== undefined && { natsUrl: url }),
        args: { worker: workerArgs(options) },
        signal: session.signal,
        onEvent: (event) => session.say(describe(event)),
      }),
  );
  try {
    // The report comes when all is over, and whoever reads it needs the cluster before.
    if (options.json) session.say(`the cluster is up at ${cluster.natsUrl}`);
    session.narrate((palette) => welcome(cluster.natsUrl, data, options, palette));
    await aborted(session.signal);
    session.say('ending the services ...');
    return { report: { nats: cluster.natsUrl, data }, exitCode: 0 };
  } finally {
    await cluster.stop();
  }
}

function workerArgs({ memory, ticksPerSecond }: UpOptions): string[] {
  return [
    ...(memory === undefined ? [] : ['--memory', String(memory)]),
    ...(ticksPerSecond === undefined ? [] : ['--ticks-per-second', String(ticksPerSecond)]),
  ];
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

function welcome(
  nats: string,
  data: string,
  { workers, storage, coordinators }: UpOptions,
  { strong, faint }: Palette,
): string {
  return `
${strong('The cluster is up')}: ${plural(coordinators, 'coordinator')}, ${plural(workers, 'worker')}, ${storage === 1 ? '1 storage service' : `${storage} storage services`}. Everything is in ${data}.

In another terminal:
   export NATS_URL=${nats}
   ckptree spawn examples/cluster/endless.json  ${faint('start a tree of tasks on the workers')}
   ckptree ps --tree                            ${faint('see it')}
   ckptree checkpoint 1 --name first            ${faint('save it while it runs')}
   ckptree kill 1                               ${faint('lose it')}
   ckptree restart first                        ${faint('get it back')}
   ckptree events --follow                      ${faint('watch')}

Ctrl-C ends it; what is stored stays.
`;
}

function describe(event: ServiceEvent): string {
  const { role, id } = event;
  const who = role === id ? id : `${role} ${id}`;
  if (event.type === 'ready') return `${who} is ready (process ${event.pid}, ${event.url})`;
  if (event.type === 'failed') return `${who} could not start: ${event.error.message}`;
  return `${who} ended with ${event.end}; it is started again`;
}

export const formatUp = (): string => 'The cluster is down.\n';
