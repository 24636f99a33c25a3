import type { ProcessTable } from './process-table.js';
import { SLOT, STATE } from './slot.js';

/** Whether no other task of its thread group is alive. Threads hang below their leader. */
export function isAloneInGroupLocked(table: ProcessTable, slot: number): boolean {
  const near = [table.get(slot, SLOT.PARENT), ...table.links.children(slot)];
  return !near.some(
    (other) =>
      table.get(other, SLOT.TGID) === table.get(slot, SLOT.TGID) &&
      table.get(other, SLOT.STATE) !== STATE.ZOMBIE,
  );
}
