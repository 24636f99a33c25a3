import type { ProcessTable } from './process-table.js';
import { FLAG, KERNEL_SLOT, SLOT, STATE } from './slot.js';

/** Who takes over a task whose parent has ended. */
export interface Reaper {
  /** `KERNEL_SLOT`: nobody here. */
  readonly slot: number;
  /** What the task sees as its parent from then on. */
  readonly ppid: number;
  /** That parent is in another kernel. */
  readonly remote: boolean;
}

/** Who takes over the children of a task that ends: the root of its tree, or of its fragment; else who comes behind that. */
export function reaperOfChildrenLocked(table: ProcessTable, slot: number): Reaper {
  const top = table.links.root(slot);
  return top === slot || table.get(top, SLOT.STATE) === STATE.ZOMBIE
    ? reaperBehindLocked(table, top)
    : { slot: top, ppid: table.get(top, SLOT.PID), remote: false };
}

/** Who takes over the children of a task that hangs below the kernel, or hung below a parent in another one. */
export function reaperBehindLocked(table: ProcessTable, top: number): Reaper {
  const tree = table.get(top, SLOT.TREE);
  if ((table.flags(top) & FLAG.REMOTE_PARENT) === 0 || tree < 0)
    return { slot: KERNEL_SLOT, ppid: 0, remote: false };
  const root = table.find(tree);
  return root === undefined || table.get(root, SLOT.STATE) === STATE.ZOMBIE
    ? { slot: KERNEL_SLOT, ppid: tree, remote: true }
    : { slot: root, ppid: tree, remote: false };
}

/**
 * Hangs a task, alive or ended, below another parent.
 * @returns the slots whose cpus must look at their wake queues
 */
export function reparentLocked(table: ProcessTable, slot: number, reaper: Reaper): number[] {
  const { slot: parent, ppid, remote } = reaper;
  table.moveLocked(slot, parent);
  table.set(slot, SLOT.PPID, ppid);
  if (remote) table.raise(slot, FLAG.REMOTE_PARENT);
  else table.clear(slot, FLAG.REMOTE_PARENT);
  if (table.get(slot, SLOT.STATE) !== STATE.ZOMBIE) return [];
  if (parent === KERNEL_SLOT && !remote) table.releaseLocked(slot);
  return table.wakeLocked(parent) ? [parent] : [];
}
