import { SIGCHLD } from '@ckptree/model';
import { signalIn } from '../exit-status.js';
import type { ProcessTable } from './process-table.js';
import { reaperOfChildrenLocked, reparentLocked } from './reaper.js';
import { FLAG, KERNEL_SLOT, SIGKILL, SLOT, STATE } from './slot.js';

/**
 * A task has ended: its children get a new parent, its parent is woken, and it stays as a zombie until it is waited
 * for, or until its parent elsewhere is known to have ended. A thread, or one whose parent is the kernel, goes at once.
 * @param digest of its last state, 16 bytes
 * @returns the slots whose cpus must look at their wake queues
 */
export function exitLocked(table: ProcessTable, slot: number, status: number, digest: Uint8Array): number[] {
  table.endLocked(slot, status, digest);
  const woken = [...disownChildrenLocked(table, slot), ...signalLeader(table, slot, status)];
  const parent = table.get(slot, SLOT.PARENT);
  if (!isWaitedForLocked(table, slot)) table.releaseLocked(slot);
  else if (table.wakeLocked(parent)) woken.push(parent);
  return woken;
}

/** Whether a task that has ended has a parent, here or elsewhere, that waits for it. */
export function isWaitedForLocked(table: ProcessTable, slot: number): boolean {
  const hasParent =
    table.get(slot, SLOT.PARENT) !== KERNEL_SLOT || (table.flags(slot) & FLAG.REMOTE_PARENT) !== 0;
  return hasParent && table.get(slot, SLOT.EXIT_SIGNAL) === SIGCHLD;
}

/** Gives the children of a task that has ended another parent. @returns as exitLocked() */
export function disownChildrenLocked(table: ProcessTable, slot: number): number[] {
  const woken: number[] = [];
  const children = table.links.children(slot);
  if (children.length === 0) return woken;
  const reaper = reaperOfChildrenLocked(table, slot);
  for (const child of children) {
    const signal = signalOfParentDeath(table, slot, child);
    woken.push(...reparentLocked(table, child, reaper));
    if (signal !== 0 && table.signalLocked(child, signal)) woken.push(child);
  }
  return woken;
}

/** The threads of a group end with their leader (as by exit_group); a child may have asked to be told. */
function signalOfParentDeath(table: ProcessTable, parent: number, child: number): number {
  if (table.get(child, SLOT.STATE) === STATE.ZOMBIE) return 0;
  return table.leaderLocked(child) === parent ? SIGKILL : table.get(child, SLOT.PDEATH_SIGNAL);
}

/** What ends one thread by a signal ends its whole group, by way of the leader (complete_signal(), kernel/signal.c). */
function signalLeader(table: ProcessTable, slot: number, status: number): number[] {
  const leader = table.leaderLocked(slot);
  const signal = signalIn(status);
  return signal !== 0 && leader !== slot && table.signalLocked(leader, signal) ? [leader] : [];
}
