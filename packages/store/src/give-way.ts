import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

/** Of a thread that works while others are waited for: it gets a tenth of the time of a processor that it shares with one of those. */
const NICE = 10;

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
  setPriority(Number(thread), NICE);
}
