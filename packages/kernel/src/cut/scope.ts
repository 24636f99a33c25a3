import { CkptError } from '@ckptree/errors';
import { fragmentTopsLocked } from '../process/fragments.js';
import type { ProcessTable } from '../process/process-table.js';
import { KERNEL_SLOT, SLOT } from '../process/slot.js';

/**
 * Which tasks something is done to, as the topmost ones, none of them below another: they and all below them. Looked up
 * again whenever it matters, with the table's lock held, because tasks come and go.
 */
export type Scope = (table: ProcessTable) => readonly number[];

/** Some tasks and all below them; those of them that are not there are left out. @throws ESRCH none of them is */
export const subtrees =
  (pids: readonly number[]): Scope =>
  (table) => {
    const tops = foundTops(table, pids);
    if (tops.length > 0) return tops;
    const which = pids.length === 1 ? `there is no task ${pids[0]}` : `none of ${pids.length} tasks is there`;
    throw new CkptError('ESRCH', which, pids[0] === undefined ? {} : { pid: pids[0] });
  };

/** As subtrees(), but perhaps nothing at all. */
export const subtreesIfAny =
  (pids: readonly number[]): Scope =>
  (table) =>
    foundTops(table, pids);

/** Everything here that belongs to the tree with this root, wherever the root is; perhaps nothing. */
export const partOfTree =
  (rootPid: number): Scope =>
  (table) =>
    fragmentTopsLocked(table, rootPid);

function foundTops(table: ProcessTable, pids: readonly number[]): number[] {
  const found = new Set<number>();
  for (const pid of pids) {
    const slot = table.find(pid);
    // The threads of a group are one thing: none is frozen, restarted or killed without the others.
    if (slot !== undefined) found.add(table.leaderLocked(slot));
  }
  return [...found].filter((slot) => found.size === 1 || !isBelow(table, slot, found));
}

function isBelow(table: ProcessTable, slot: number, others: ReadonlySet<number>): boolean {
  for (let up = table.get(slot, SLOT.PARENT); up !== KERNEL_SLOT; up = table.get(up, SLOT.PARENT))
    if (others.has(up)) return true;
  return false;
}

/** Slots of all tasks in the scope, depth-first. */
export const membersLocked = (table: ProcessTable, scope: Scope): number[] =>
  scope(table).flatMap((top) => table.links.subtree(top));
