import { renameSync, writeSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '@ckptree/local-cluster';
import type { Random } from './random.js';

/** Longest that a process stands still; a worker is lost after 6 s of silence, so both happen: it is missed, or not. */
const PAUSE_MS = { service: 12_000, server: 6_000 } as const;
const SHORTEST_PAUSE_MS = 300;
/** Longest that the disk of the store is full, and what is left of it then, in bytes, at most: some things fit still. */
const FULL_MS = 12_000;
const LEFT_BYTES = 2 ** 20;
/** Of services that were started besides. */
const EXTRA = 'extra-';

/** What harm is done to. */
export interface Victim {
  readonly cluster: LocalCluster;
  /** Everything that the cluster keeps. */
  readonly folder: string;
}

interface Fault {
  readonly summary: string;
  /** What may be from then on, and must not be without it: `checkpoint: ENOSPC` is a checkpoint that was told this. */
  readonly explains?: readonly string[];
  /** It fills the disk of the store, which has to be one of its own. */
  readonly needsOwnDisk?: true;
  /** Does some harm, and undoes what does not mend itself. @returns to whom */
  readonly strike: (victim: Victim, random: Random) => Promise<string> | string;
}

/** What may be once NATS has lost what it kept. */
export const NATS_LOST = 'nats-server lost its data';

/** What may happen to a cluster, whose processes are all started again when they end by themselves. */
export const FAULTS = {
  kill: {
    summary: 'SIGKILL to a service',
    strike: ({ cluster }, random) => signal(cluster, pickService(cluster, random), 'SIGKILL'),
  },
  'kill-two': {
    summary: 'SIGKILL to two services at once',
    strike: ({ cluster }, random) =>
      [pickService(cluster, random), pickService(cluster, random)]
        .map((id) => signal(cluster, id, 'SIGKILL'))
        .join(' and '),
  },
  'kill-coordinators': {
    summary: 'SIGKILL to all coordinators at once',
    strike: ({ cluster }) =>
      cluster.ids
        .filter((id) => id.startsWith('coordinator'))
        .map((id) => signal(cluster, id, 'SIGKILL'))
        .join(' and '),
  },
  end: {
    summary: 'SIGTERM to a service',
    strike: ({ cluster }, random) => signal(cluster, pickService(cluster, random), 'SIGTERM'),
  },
  pause: {
    summary: `a service stands still for up to ${PAUSE_MS.service / 1e3} s`,
    strike: ({ cluster }, random) => {
      const id = pickService(cluster, random);
      return pause(id, cluster.get(id).pid, random.between(SHORTEST_PAUSE_MS, PAUSE_MS.service));
    },
  },
  scale: {
    summary: 'a worker or storage service more, or one that came so ends for good',
    strike: ({ cluster }, random) => scale(cluster, random),
  },
  'kill-nats': {
    summary: 'SIGKILL to nats-server',
    strike: ({ cluster }) => {
      kill(cluster.nats?.pid, 'SIGKILL');
      return 'nats-server';
    },
  },
  'pause-nats': {
    summary: `nats-server stands still for up to ${PAUSE_MS.server / 1e3} s`,
    strike: ({ cluster }, random) =>
      pause('nats-server', cluster.nats?.pid, random.between(SHORTEST_PAUSE_MS, PAUSE_MS.server)),
  },
  'lose-nats': {
    summary: 'nats-server is killed, and comes back without its data',
    explains: [NATS_LOST, 'checkpoint: EIO', 'cancel: ENOENT', 'unschedule: ENOENT'],
    strike: ({ cluster, folder }) => loseNats(cluster, join(folder, 'nats')),
  },
  'fill-store': {
    summary: `the disk of the store is full for up to ${FULL_MS / 1e3} s; only where a tmpfs can be mounted`,
    needsOwnDisk: true,
    explains: ['checkpoint: ENOSPC'],
    strike: ({ folder }, random) =>
      fill(join(folder, 'store'), random.between(0, LEFT_BYTES), random.between(SHORTEST_PAUSE_MS, FULL_MS)),
  },
} as const satisfies Readonly<Record<string, Fault>>;
export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as [FaultName, ...FaultName[]];

export const faultOf = (name: FaultName): Fault => FAULTS[name];

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
  return `${id} for ${seconds(ms)}`;
}

async function scale(cluster: LocalCluster, random: Random): Promise<string> {
  const extra = cluster.ids.find((id) => id.startsWith(EXTRA));
  if (extra !== undefined) {
    await cluster.remove(extra);
    return `${extra} ended`;
  }
  const role = random.pick<'worker' | 'storage'>(['worker', 'storage']);
  const id = `${EXTRA}${role}-${Math.floor(random.between(0, 1e6))}`;
  cluster.add(role, id).catch(() => undefined); // it is started again, as all are
  return `${id} started`;
}

async function loseNats({ nats }: LocalCluster, folder: string): Promise<string> {
  if (nats?.pid === undefined) return 'nats-server was gone';
  kill(nats.pid, 'SIGKILL');
  await nats.exited;
  // In this very moment: soon it is started again.
  const lost = join(folder, 'lost');
  renameSync(join(folder, 'jetstream'), lost);
  await rm(lost, { recursive: true });
  return 'nats-server';
}

async function fill(store: string, leftBytes: number, ms: number): Promise<string> {
  const ballast = join(store, 'ballast');
  const file = await open(ballast, 'w');
  try {
    const size = fillUp(file.fd);
    await file.truncate(Math.max(0, size - Math.floor(leftBytes)));
    await sleep(ms);
  } finally {
    await file.close();
    await rm(ballast);
  }
  return `for ${seconds(ms)}`;
}

/** Writes until nothing fits any more. @returns how many bytes did */
function fillUp(fd: number): number {
  const piece = Buffer.alloc(2 ** 20);
  for (let size = 0; ; )
    try {
      size += writeSync(fd, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      return size;
    }
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

const seconds = (ms: number): string => `${(ms / 1e3).toFixed(1)} s`;
