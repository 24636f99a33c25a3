import type { ProcessTable } from './process-table.js';
import { FROZEN_FLAGS, SLOT, STATE } from './slot.js';

/** A row of the process table, for people and tools. */
export interface TaskStatus {
  readonly pid: number;
  readonly ppid: number;
  readonly tgid: number;
  readonly pgid: number;
  readonly sid: number;
  /** The root of its tree, which may be in another kernel. */
  readonly rootPid: number;
  readonly comm: string;
  readonly state: 'running' | 'blocked' | 'frozen' | 'zombie';
  readonly cpu: number;
  readonly ticks: number;
}

export function taskStatus(table: ProcessTable, slot: number): TaskStatus {
  return {
    pid: table.get(slot, SLOT.PID),
    ppid: table.get(slot, SLOT.PPID),
    tgid: table.get(slot, SLOT.TGID),
    pgid: table.get(slot, SLOT.PGID),
    sid: table.get(slot, SLOT.SID),
    rootPid: Math.abs(table.get(slot, SLOT.TREE)),
    comm: table.comm(slot),
    state: stateOf(table, slot),
    cpu: table.get(slot, SLOT.CPU),
    ticks: table.ticks(slot),
  };
}

function stateOf(table: ProcessTable, slot: number): TaskStatus['state'] {
  const state = table.get(slot, SLOT.STATE);
  if (state === STATE.ZOMBIE) return 'zombie';
  if ((table.flags(slot) & FROZEN_FLAGS) !== 0) return 'frozen';
  return state === STATE.BLOCKED ? 'blocked' : 'running';
}
