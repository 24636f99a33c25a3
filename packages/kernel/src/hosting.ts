import { PROGRAM_FOLDER } from './files/open-files.js';
import { PageTable } from './memory/page-table.js';
import type { PhysicalMemory } from './memory/physical-memory.js';
import { PROGRAMS } from './programs/registry.js';

/** What those need who bring trees into a kernel from elsewhere. */

/** Whether a path is the executable of a program that this kernel can run. */
export function isProgram(path: string): boolean {
  return path.startsWith(PROGRAM_FOLDER) && PROGRAMS.has(path.slice(PROGRAM_FOLDER.length));
}

/** Whether the program with this executable waits for children of its own. */
export function waitsForChildren(path: string): boolean {
  return path.startsWith(PROGRAM_FOLDER) && PROGRAMS.get(path.slice(PROGRAM_FOLDER.length))?.waits === true;
}

/** Gives back leaves (pairs of leaf number and leaf frame) with all that they map. */
export function releaseLeaves(memory: PhysicalMemory, leaves: Int32Array): void {
  PageTable.release(memory, leaves);
}
