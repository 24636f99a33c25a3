import { readCore } from '@ckptree/elfcore';
import type { Kernel } from '@ckptree/kernel';
import { hostTree } from '@ckptree/restart';
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
      const { rootPid } = await hostTree(kernel, file, tree, loadOptions(options, session));
      return { rootPid, zombies: tree.tasks.filter(isZombie).map(reportZombie) };
    };
    return runTree(enter, { machine: machineOf(options), checkpoint }, session);
  });
}
