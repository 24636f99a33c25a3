import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * How much lower the priority of a thread is that works while others are waited for: it gets a tenth of the time of a
 * processor that it shares with one of those.
 */
const NICER_BY = 10;

/**
 * Has the calling thread give way to all others where processors are few: a checkpoint that is saved in the background slows
 * itself, not the tasks. It does nothing where threads have no priority of their own (elsewhere than on Linux).
 */
export function giveWay(): void {
  let thread: string;
  try {
    thread = basename(readlinkSync('/proc/thread-self'));
  } catch {
    return;
  }
  // What Linux calls a process here is a thread.
  const nice = getPriority(Number(thread)) + NICER_BY;
  setPriority(Number(thread), Math.min(nice, constants.priority.PRIORITY_LOW));
}
