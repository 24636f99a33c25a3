import { CkptError } from '@ckptree/errors';
import type { ProcessTable } from './process-table.js';
import { FLAG, KERNEL_SLOT, SLOT, STATE } from './slot.js';

/**
 * A tree may be spread over several kernels. Each then hosts a forest: **fragment roots** hang below the kernel's slot
 * and have their parents elsewhere (`REMOTE_PARENT`), all but the root of the whole tree.
 */

/** A task of this kernel that hangs below the kernel itself, with all below it. */
export interface Fragment {
  readonly pid: number;
  /** Its parent, in another kernel; 0 when nobody is left to wait for it. */
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly comm: string;
  readonly zombie: boolean;
  /** In the fragment, zombies included. */
  readonly tasks: number;
}

/** Slots of the tops of a tree's fragments here, in the order in which they came. @param rootPid of the whole tree */
export function fragmentTopsLocked(table: ProcessTable, rootPid: number): number[] {
  return topsLocked(table).filter((top) => Math.abs(table.get(top, SLOT.TREE)) === rootPid);
}

function topsLocked(table: ProcessTable): number[] {
  const tops: number[] = [];
  for (let top = table.get(KERNEL_SLOT, SLOT.FIRST_CHILD); top !== 0; top = table.get(top, SLOT.NEXT))
    tops.push(top);
  return tops;
}

export function describeFragmentLocked(table: ProcessTable, top: number): Fragment {
  return {
    pid: table.get(top, SLOT.PID),
    ppid: table.get(top, SLOT.PPID),
    pgid: table.get(top, SLOT.PGID),
    sid: table.get(top, SLOT.SID),
    comm: table.comm(top),
    zombie: table.get(top, SLOT.STATE) === STATE.ZOMBIE,
    tasks: table.subtreeLocked(top).length,
  };
}

/** What a change of parents came to. */
export interface Reparented {
  /** Tasks that have another parent now, or have gone. */
  readonly pids: readonly number[];
  /** Slots whose cpus must look at their wake queues. */
  readonly woken: readonly number[];
}

/**
 * Tasks of other kernels have ended, so that they wait for nobody any more: what happens to the children of a task that
 * ends here happens to theirs.
 */
export function disownLocked(table: ProcessTable, ended: ReadonlySet<number>): Reparented {
  forgetRoots(table, ended);
  const pids: number[] = [];
  const woken: number[] = [];
  for (const top of topsLocked(table)) {
    const isRemote = (table.flags(top) & FLAG.REMOTE_PARENT) !== 0;
    if (!isRemote || !ended.has(table.get(top, SLOT.PPID))) continue;
    pids.push(table.get(top, SLOT.PID));
    const signal = table.get(top, SLOT.STATE) === STATE.ZOMBIE ? 0 : table.get(top, SLOT.PDEATH_SIGNAL);
    woken.push(...table.reparentLocked(top, table.reaperBehindLocked(top)));
    if (signal !== 0 && table.signalLocked(top, signal)) woken.push(top);
  }
  return { pids, woken };
}

/** From now on nobody in these trees is given to their roots. */
function forgetRoots(table: ProcessTable, ended: ReadonlySet<number>): void {
  const isOfThem = (slot: number): boolean => ended.has(table.get(slot, SLOT.TREE));
  if (!topsLocked(table).some(isOfThem)) return;
  for (const slot of table.slotsLocked())
    if (isOfThem(slot)) table.set(slot, SLOT.TREE, -table.get(slot, SLOT.TREE));
}

/**
 * Gives the top of a fragment another parent, here or elsewhere; 0: nobody, so that it is not waited for any more.
 * @throws ESRCH no such task; EINVAL it has its parent here, or the parent would be below it
 */
export function setParentLocked(table: ProcessTable, pid: number, ppid: number): Reparented {
  const top = table.find(pid);
  if (top === undefined) throw new CkptError('ESRCH', `there is no task ${pid}`, { pid });
  if (table.get(top, SLOT.PARENT) !== KERNEL_SLOT)
    throw new CkptError(
      'EINVAL',
      `task ${pid} has its parent in this kernel; only the top of a fragment moves`,
      {
        pid,
      },
    );
  const parent = table.find(ppid);
  const isHere = parent !== undefined && table.get(parent, SLOT.STATE) !== STATE.ZOMBIE;
  if (isHere && table.rootLocked(parent) === top)
    throw new CkptError('EINVAL', `task ${ppid} is below task ${pid} and cannot be its parent`, { pid });
  const reaper = { slot: isHere ? parent : KERNEL_SLOT, ppid, remote: !isHere && ppid !== 0 };
  return { pids: [pid], woken: table.reparentLocked(top, reaper) };
}
