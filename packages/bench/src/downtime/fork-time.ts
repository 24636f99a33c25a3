import { join } from 'node:path';
import { isThere, type Peer, runCommand } from '../command.js';

const COMPILER: Peer = { program: 'cc', debianPackage: 'gcc' };
/** Beside the compiled files there is none. */
const SOURCE = new URL('../../src/downtime/fork-time.c', import.meta.url).pathname;

/** Microseconds that each of some fork()s takes in a process with so much touched memory. */
export type ForkTimes = (memoryMiB: number, forks: number) => Promise<number[]>;

/** Compiles the program that forks. @returns undefined when there is no compiler; that was told */
export async function compileForkTimes(
  folder: string,
  tell: (message: string) => void,
): Promise<ForkTimes | undefined> {
  if (!isThere(COMPILER, tell)) return undefined;
  const program = join(folder, 'fork-time');
  await runCommand(['cc', '-O2', '-o', program, SOURCE]);
  return async (memoryMiB, forks) => {
    const { output } = await runCommand([program, `${memoryMiB}`, `${forks}`]);
    return output.trim().split('\n').map(Number);
  };
}
