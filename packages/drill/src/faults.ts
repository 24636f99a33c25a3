import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '@ckptree/local-cluster';
import type { Random } from './random.js';

/** Longest that a process stands still; a worker is lost after 6 s of silence, so both happen: it is missed, or not. */
const PAUSE_MS = { service: 12_000, server: 6_000 } as const;
const SHORTEST_PAUSE_MS = 300;

/** Does some harm, and undoes what does not mend itself. @returns to whom */
type Fault = (cluster: LocalCluster, random: Random) => Promise<string> | string;

/** What may happen to the processes of a cluster, which are all started again when they end. */
export const FAULTS = {
  kill: {
    summary: 'SIGKILL to a service',
    strike: (cluster, random) => signal(cluster, pickService(cluster, random), 'SIGKILL'),
  },
  'kill-two': {
    summary: 'SIGKILL to two services at once',
    strike: (cluster, random) =>
      [pickService(cluster, random), pickService(cluster, random)]
        .map((id) => signal(cluster, id, 'SIGKILL'))
        .join(' and '),
  },
  end: {
    summary: 'SIGTERM to a service',
    strike: (cluster, random) => signal(cluster, pickService(cluster, random), 'SIGTERM'),
  },
  pause: {
    summary: `a service stands still for up to ${PAUSE_MS.service / 1e3} s`,
    strike: (cluster, random) => {
      const id = pickService(cluster, random);
      return pause(id, cluster.get(id).pid, random.between(SHORTEST_PAUSE_MS, PAUSE_MS.service));
    },
  },
  'kill-nats': {
    summary: 'SIGKILL to nats-server',
    strike: (cluster) => {
      kill(cluster.nats?.pid, 'SIGKILL');
      return 'nats-server';
    },
  },
  'pause-nats': {
    summary: `nats-server stands still for up to ${PAUSE_MS.server / 1e3} s`,
    strike: (cluster, random) =>
      pause('nats-server', cluster.nats?.pid, random.between(SHORTEST_PAUSE_MS, PAUSE_MS.server)),
  },
} as const satisfies Readonly<Record<string, { readonly summary: string; readonly strike: Fault }>>;
export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as [FaultName, ...FaultName[]];

function pickService({ ids }: LocalCluster, random: Random): string {
  const [first, ...others] = ids;
  if (first === undefined) throw new RangeError('a cluster without services');
  return random.pick([first, ...others]);
}

function signal(cluster: LocalCluster, id: string, name: NodeJS.Signals): string {
  cluster.get(id).signal(name);
  return id;
}

async function pause(id: string, pid: number | undefined, ms: number): Promise<string> {
  kill(pid, 'SIGSTOP');
  try {
    await sleep(ms);
  } finally {
    kill(pid, 'SIGCONT');
  }
  return `${id} for ${(ms / 1e3).toFixed(1)} s`;
}

/** One that is not there at the moment is spared. */
function kill(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
