import type { CheckpointFigures } from '@ckptree/protocol';
import type { Measurement, ScenarioOptions, Section } from '../scenario.js';
import { figures } from '../statistics.js';
import { BenchCluster } from './bench-cluster.js';
import { CompletionWatch } from './completion-watch.js';
import { NatsPeer } from './nats-peer.js';

const WORKERS = 3;
const CHECKPOINTS = 50;
/** Beside each checkpoint. */
const ROUND_TRIPS = 40;
const TREE = { tasks: 6, memoryMiB: 2, workers: WORKERS, writing: true };
const WORKER_MEMORY_MIB = 128;

/** What was seen of checkpoints that were taken one after the other. */
interface Taken {
  readonly figures: readonly CheckpointFigures[];
  /** Microseconds, between the checkpoints. */
  readonly roundTrips: readonly number[];
  /** Milliseconds. */
  readonly delays: readonly number[];
}

/** How long a tree over several workers stands still, and how soon it is known that it is saved. */
export async function smallCheckpoints({ folder, tell }: ScenarioOptions): Promise<Section[]> {
  const cluster = await BenchCluster.start({ folder, workers: WORKERS, memoryMiB: WORKER_MEMORY_MIB });
  try {
    const peer = await NatsPeer.start(cluster.natsUrl);
    try {
      const { tree, rootPid } = await cluster.spawn(TREE);
      await cluster.filled(tree, TREE.memoryMiB);
      await cluster.checkpoint(rootPid);
      const watch = await CompletionWatch.begin(cluster.store, cluster.client);
      tell(`taking ${CHECKPOINTS} checkpoints of a tree over ${WORKERS} workers, running and frozen`);
      const running = await take(cluster, rootPid, peer, watch);
      await cluster.client.freeze(rootPid);
      const frozen = await take(cluster, rootPid, peer, watch);
      await watch.end();
      return [
        section('running, each task writing a page in every tick', running),
        section('frozen by hand before, so that the cores are free for the services', frozen),
      ];
    } finally {
      await peer.stop();
    }
  } finally {
    await cluster.stop();
  }
}

async function take(
  cluster: BenchCluster,
  rootPid: number,
  peer: NatsPeer,
  watch: CompletionWatch,
): Promise<Taken> {
  const taken: CheckpointFigures[] = [];
  const roundTrips: number[] = [];
  for (let count = 0; count <= CHECKPOINTS; count++) {
    if (count === 1) watch.take(); // the first one warms up
    const checkpoint = await cluster.checkpoint(rootPid);
    if (count === 0) continue;
    taken.push(checkpoint.figures);
    for (let trip = 0; trip < ROUND_TRIPS; trip++) roundTrips.push(await peer.roundTrip());
  }
  return { figures: taken, roundTrips, delays: watch.take() };
}

function section(state: string, { figures: taken, roundTrips, delays }: Taken): Section {
  const roundTrip = figures(roundTrips);
  const row = (what: string, microseconds: readonly number[]): Measurement => {
    const own = figures(microseconds);
    const ratio = { value: own.median / roundTrip.median, to: 'round trip' };
    return { what, unit: 'us', figures: own, tail: true, ratio };
  };
  const of = (name: 'freezeUs' | 'snapshotUs' | 'downtimeUs') => taken.map((own) => own[name] ?? Number.NaN);
  return {
    heading: `${taken.length} checkpoints of ${TREE.tasks} tasks with ${TREE.memoryMiB} MiB each over ${WORKERS} workers, ${state}. Downtime is what the worker that took longest says: from the request to freeze until it lets its tasks go`,
    measurements: [
      row('downtime', of('downtimeUs')),
      row('of which until all tasks stood still', of('freezeUs')),
      row('of which snapshots', of('snapshotUs')),
      row(
        'from the name of the manifest until a subscriber has `completed`',
        delays.map((delay) => delay * 1e3),
      ),
      {
        what: 'request and reply between two processes, by the same nats-server',
        unit: 'us',
        figures: roundTrip,
        tail: true,
      },
    ],
  };
}
