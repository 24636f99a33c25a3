import type { Kernel, KernelOptions, TaskExit, TaskStatus } from '@ckptree/kernel';
import { describeFailure, failureOf } from '../output/failure.js';
import { plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import type { CheckpointReport } from './checkpoint-report.js';
import type { CheckpointRequest } from './checkpoint-request.js';
import { type Host, withKernel } from './host.js';
import type { PlannedCheckpoint } from './planned-checkpoint.js';
import { isFault, reportEnds, type TaskReport } from './task-report.js';
import type { TreeReport } from './tree-report.js';

/** A tree that has come into a kernel. */
export interface Entered {
  readonly rootPid: number;
  /** Tasks that had ended before. */
  readonly zombies: readonly TaskReport[];
}

export interface RunOptions {
  readonly machine: KernelOptions;
  readonly checkpoint?: CheckpointRequest | undefined;
}

/**
 * Runs a tree to its end, or to the checkpoint at which it is to stop.
 * @param enter brings it into a kernel
 */
export async function runTree(
  enter: (kernel: Kernel) => Promise<Entered>,
  { machine, checkpoint }: RunOptions,
  session: Session,
): Promise<Outcome<TreeReport>> {
  if (checkpoint === undefined)
    return withKernel(machine, session.signal, (host) => run(host, enter, session));
  // Most of what a command loads, it loads for these.
  const [{ openDestination }, { PlannedCheckpoint }] = await Promise.all([
    import('./destination.js'),
    import('./planned-checkpoint.js'),
  ]);
  const destination = await openDestination(checkpoint.to, checkpoint.threads);
  try {
    return await withKernel(machine, session.signal, async (host) => {
      // Else the rest of the tree would run on far while the task stands at its tick and waits for them.
      await destination.ready;
      const planned = new PlannedCheckpoint(host.kernel, checkpoint, destination, session);
      return run(host, enter, session, planned, checkpoint.stop);
    });
  } finally {
    await destination.close();
  }
}

async function run(
  host: Host,
  enter: (kernel: Kernel) => Promise<Entered>,
  session: Session,
  planned?: PlannedCheckpoint,
  stop = false,
): Promise<Outcome<TreeReport>> {
  const ends: TaskExit[] = [];
  host.kernel.onExit((end) => ends.push(end));
  const { rootPid, zombies } = await enter(host.kernel);
  const start = performance.now();
  const look = () => standing(host.kernel, ends.length);
  const way = await session.progress.during('running', look, () => followTree(host, planned, stop, session));
  const tasks = reportEnds(zombies, ends);
  return judge({ tasks, elapsedMs: performance.now() - start, ...way }, rootPid);
}

type Way = Pick<TreeReport, 'checkpoint' | 'laterCheckpoints' | 'checkpointError' | 'stopped'>;

/** Waits until there is nothing more to wait for. */
async function followTree(
  { kernel, shutdown }: Host,
  planned: PlannedCheckpoint | undefined,
  stop: boolean,
  session: Session,
): Promise<Way> {
  const settled = kernel.settled();
  if (planned === undefined) {
    await settled;
    return {};
  }
  // It is waited for below; meanwhile its failure must not look as if nobody cared.
  settled.catch(() => undefined);
  const way = await takeOnTheWay(kernel, planned, settled, session);
  if (stop && way.checkpoint !== undefined) {
    await shutdown();
    return { ...way, stopped: true };
  }
  await settled;
  return way;
}

/** A checkpoint that fails does not end the tree: what it has computed is worth more. */
async function takeOnTheWay(
  kernel: Kernel,
  planned: PlannedCheckpoint,
  settled: Promise<void>,
  session: Session,
): Promise<Way> {
  const taken: CheckpointReport[] = [];
  try {
    for await (const checkpoint of planned.takeAll(settled)) {
      taken.push(checkpoint);
      session.announce({ type: 'checkpoint', checkpoint });
    }
    return wayOf(taken);
  } catch (error) {
    session.signal.throwIfAborted();
    if (kernel.ps().some(isAlive)) session.say('ckptree: no checkpoint could be taken; the tree runs on');
    return { ...wayOf(taken), checkpointError: failureOf(error) };
  }
}

const wayOf = ([checkpoint, ...laterCheckpoints]: readonly CheckpointReport[]): Way => ({
  ...(checkpoint !== undefined && { checkpoint }),
  ...(laterCheckpoints.length > 0 && { laterCheckpoints }),
});

function standing(kernel: Kernel, ended: number): string {
  return `${plural(kernel.ps().filter(isAlive).length, 'task')}, ${ended} ended`;
}

const isAlive = ({ state }: TaskStatus): boolean => state !== 'zombie';

/** All is well if the root says so, nobody failed by a fault of its own, and the checkpoint that was asked for is there. */
function judge(report: TreeReport, rootPid: number): Outcome<TreeReport> {
  const complaint = complaintOf(report, rootPid);
  return complaint === undefined ? { report, exitCode: 0 } : { report, exitCode: 1, complaint };
}

function complaintOf({ tasks, checkpointError, stopped }: TreeReport, rootPid: number): string | undefined {
  if (checkpointError !== undefined) return `no checkpoint was taken: ${describeFailure(checkpointError)}`;
  const faulty = tasks.find(isFault);
  if (faulty?.error !== undefined)
    return `task ${faulty.pid} (${faulty.comm}) failed: ${describeFailure(faulty.error)}`;
  const root = tasks.findLast(({ pid }) => pid === rootPid);
  if (stopped || root === undefined || root.exitCode === 0) return undefined;
  return `task ${root.pid} (${root.comm}), the root of the tree, ended with ${root.signal ?? `exit code ${root.exitCode}`}`;
}
