import type { Kernel } from '@ckptree/kernel';
import { type RestartResult, restartSource } from '@ckptree/restart';
import { withSource } from '../images.js';
import { describeFailure, failureOf } from '../output/failure.js';
import type { Outcome, Session } from '../session.js';
import { withKernel } from './host.js';
import type { TreeRequest } from './run.js';
import { runTree } from './run-tree.js';
import { isZombie, reportZombie } from './task-report.js';
import { loadOptions, machineOf, type TreeOptions } from './tree-options.js';
import type { FrozenTask, TreeReport } from './tree-report.js';

/** Restarts the tree of an image and runs it. */
export async function restart(
  image: string,
  { options, checkpoint }: TreeRequest,
  session: Session,
): Promise<Outcome<TreeReport>> {
  return runTree(
    async (kernel) => {
      const { rootPid, contents } = await rebuild(kernel, image, options, session);
      return { rootPid, zombies: contents.tree.tasks.filter(isZombie).map(reportZombie) };
    },
    { machine: machineOf(options), checkpoint },
    session,
  );
}

/** Restarts the tree of an image, and lets none of its tasks run. */
export function restartFrozen(
  image: string,
  options: TreeOptions,
  session: Session,
): Promise<Outcome<TreeReport>> {
  return withKernel(machineOf(options), session.signal, async ({ kernel }) => {
    const start = performance.now();
    const { contents } = await rebuild(kernel, image, options, session, true);
    const elapsedMs = performance.now() - start;
    const tasks = contents.tree.tasks.filter(isZombie).map(reportZombie);
    const frozen = kernel.ps().map(
      ({ pid, ppid, tgid, pgid, sid, comm, state }): FrozenTask => ({
        ...{ pid, ppid, tgid, pgid, sid, comm },
        state: state === 'zombie' ? 'zombie' : 'frozen',
      }),
    );
    return { report: { tasks, elapsedMs, frozen }, exitCode: 0 };
  });
}

/** @param image a file, or a checkpoint of the store */
const rebuild = (
  kernel: Kernel,
  image: string,
  options: TreeOptions,
  session: Session,
  frozen = false,
): Promise<RestartResult> =>
  withSource(image, options, async (source) => {
    const { lazy = false } = options;
    const restarted = await restartSource(kernel, source, { ...loadOptions(options, session), frozen, lazy });
    restarted.filled.catch((error: unknown) => {
      // A tree that has ended, or was stopped, needs no more. Otherwise: whoever touches what is lost ends by that.
      const failure = failureOf(error);
      if (failure.code !== 'EINTR') session.say(`ckptree: memory is lost: ${describeFailure(failure)}`);
    });
    return restarted;
  });

export { formatTree } from './tree-report.js';
