import { readCore } from '@ckptree/elfcore';
import { type Kernel, type KernelOptions, readSpec } from '@ckptree/kernel';
import { hostTree } from '@ckptree/restart';
import { withFile } from '../images.js';
import type { Outcome, Session } from '../session.js';
import type { CheckpointRequest } from './checkpoint-request.js';
import { runTree } from './run-tree.js';
import { isZombie, reportZombie } from './task-report.js';
import { loadOptions, machineOf, type TreeOptions } from './tree-options.js';
import type { TreeReport } from './tree-report.js';

/** What the command line asks for. */
export interface TreeRequest {
  readonly options: TreeOptions;
  readonly checkpoint: CheckpointRequest | undefined;
}

/** Runs the tree of a SPEC.json. */
export async function runSpec(
  path: string,
  { options, checkpoint }: TreeRequest,
  session: Session,
): Promise<Outcome<TreeReport>> {
  const { cpus, memoryMiB, tree } = await readSpec(path);
  const machine: KernelOptions = {
    ...(cpus !== undefined && { cpus }),
    ...(memoryMiB !== undefined && { memoryBytes: memoryMiB * 2 ** 20 }),
    // The command line has the last word.
    ...machineOf(options),
  };
  const enter = async (kernel: Kernel) => ({ rootPid: await kernel.spawn(tree), zombies: [] });
  return runTree(enter, { machine, checkpoint }, session);
}

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

export { formatTree } from './tree-report.js';
