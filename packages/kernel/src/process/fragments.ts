import { CkptError } from '@ckptree/errors';
import type { ProcessTable } from './process-table.js';
import { type Reaper, reaperBehindLocked, reparentLocked } from './reaper.js';
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

const topsLocked = (table: ProcessTable): number[] => table.links.children(KERNEL_SLOT);

export function describeFragmentLocked(table: ProcessTable, top: number): Fragment {
  return {
    pid: table.get(top, SLOT.PID),
    ppid: table.get(top, SLOT.PPID),
    pgid: table.get(top, SLOT.PGID),
    sid: table.get(top, SLOT.SID),
    comm: table.comm(top),
    zombie: table.get(top, SLOT.STATE) === STATE.ZOMBIE,
    tasks: table.links.subtree(top).length,
  };
}

/** Whose parents in other kernels have ended: these fragment roots, or those below these parents. */
export type Disowned = { readonly tops: readonly number[] } | { readonly parents: readonly number[] };

/** What a change of parents came to. */
export interface Reparented {
  /** Tasks that have another parent now. */
  readonly moved: readonly number[];
  /** Zombies that nobody waits for any more, and that are gone. */
  readonly gone: readonly number[];
  /** Slots whose cpus must look at their wake queues. */
  readonly woken: readonly number[];
}

/**
 * Parents in other kernels have ended: to their children here happens what happens to those of a task that ends here.
 */
export function disownLocked(table: ProcessTable, disowned: Disowned): Reparented {
  const orphans = orphansOf(table, disowned);
  const ended = new Set(
    'parents' in disowned ? disowned.parents : orphans.map((top) => table.get(top, SLOT.PPID)),
  );
  forgetRoots(table, ended);
  const changes = orphans.map((top) => orphan(table, top));
  return {
    moved: changes.flatMap(({ moved }) => moved),
    gone: changes.flatMap(({ gone }) => gone),
    woken: changes.flatMap(({ woken }) => woken),
  };
}

function orphansOf(table: ProcessTable, disowned: Disowned): number[] {
  const [word, pids] =
    'tops' in disowned ? [SLOT.PID, new Set(disowned.tops)] : [SLOT.PPID, new Set(disowned.parents)];
  return topsLocked(table).filter(
    (top) => (table.flags(top) & FLAG.REMOTE_PARENT) !== 0 && pids.has(table.get(top, word)),
  );
}

/** From now on nobody in these trees is given to their roots. */
function forgetRoots(table: ProcessTable, ended: ReadonlySet<number>): void {
  const isOfThem = (slot: number): boolean => ended.has(table.get(slot, SLOT.TREE));
  if (!topsLocked(table).some(isOfThem)) return;
  for (const slot of table.slotsLocked())
    if (isOfThem(slot)) table.set(slot, SLOT.TREE, -table.get(slot, SLOT.TREE));
}

function orphan(table: ProcessTable, top: number): Reparented {
  const isAlive = table.get(top, SLOT.STATE) !== STATE.ZOMBIE;
  const signal = isAlive ? table.get(top, SLOT.PDEATH_SIGNAL) : 0;
  const change = move(table, top, reaperBehindLocked(table, top));
  const mustTell = signal !== 0 && table.signalLocked(top, signal);
  return mustTell ? { ...change, woken: [...change.woken, top] } : change;
}

function move(table: ProcessTable, top: number, reaper: Reaper): Reparented {
  const pid = table.get(top, SLOT.PID);
  const woken = reparentLocked(table, top, reaper);
  return table.find(pid) === top ? { moved: [pid], gone: [], woken } : { moved: [], gone: [pid], woken };
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
  if (isHere && table.links.root(parent) === top)
    throw new CkptError('EINVAL', `task ${ppid} is below task ${pid} and cannot be its parent`, { pid });
  const reaper = { slot: isHere ? parent : KERNEL_SLOT, ppid, remote: !isHere && ppid !== 0 };
  return move(table, top, reaper);
}
