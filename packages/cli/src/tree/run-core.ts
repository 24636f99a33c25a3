import { HOSTED_EXECUTABLE, readCore } from '@ckptree/elfcore';
import type { Kernel } from '@ckptree/kernel';
import type { StoredPages, TaskTree } from '@ckptree/model';
import { hostTree } from '@ckptree/restart';
import type { TaskAtTick } from '../arguments.js';
import { withFile } from '../images.js';
import type { Outcome, Session } from '../session.js';
import type { TreeRequest } from './run.js';
import { runTree } from './run-tree.js';
import { isZombie, reportZombie } from './task-report.js';
import { loadOptions, machineOf } from './tree-options.js';
import type { TreeReport } from './tree-report.js';

/** Hosts the memory and threads of an ELF core file. */
export async function runCore(
  path: string,
  { options, checkpoint }: TreeRequest,
  session: Session,
): Promise<Outcome<TreeReport>> {
  return withFile(path, async (file) => {
    const tree = await readCore(file);
    const enter = async (kernel: Kernel) => {
      if (checkpoint !== undefined) keepThreads(kernel, tree, checkpoint.at);
      const { rootPid } = await hostTree(kernel, file, tree, loadOptions(options, session));
      return { rootPid, zombies: tree.tasks.filter(isZombie).map(reportZombie) };
    };
    return runTree(enter, { machine: machineOf(options), checkpoint }, session);
  });
}

/**
 * The threads of a real process end at their first ticks, each by itself. Those beside the one that is saved wait where it
 * does, and run on with it.
 */
function keepThreads(kernel: Kernel, { tasks }: TaskTree<StoredPages>, { pid, tick }: TaskAtTick): void {
  const hosted = tasks.filter(({ mm }) => mm?.exe?.path === HOSTED_EXECUTABLE).map((task) => task.pid);
  // If it is not among them, nothing would let the others run.
  if (tick > 0 || !hosted.includes(pid)) return;
  // That one is not there is told when the tree is brought in.
  for (const other of hosted)
    if (other !== pid) kernel.stopAt(other, tick, { unborn: true }).catch(() => undefined);
}
