import { type Kernel, type KernelOptions, readSpec } from '@ckptree/kernel';
import type { Outcome, Session } from '../session.js';
import type { CheckpointRequest } from './checkpoint-request.js';
import { runTree } from './run-tree.js';
import { machineOf, type TreeOptions } from './tree-options.js';
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

export { formatTree } from './tree-report.js';
