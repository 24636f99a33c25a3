import { runCommand } from '../command.js';
import { compile } from '../compile.js';

/** Microseconds that each of some fork()s takes in a process with so much touched memory. */
export type ForkTimes = (memoryMiB: number, forks: number) => Promise<number[]>;

/** Compiles the program that forks. @returns undefined when there is no compiler; that was told */
export async function compileForkTimes(
  folder: string,
  tell: (message: string) => void,
): Promise<ForkTimes | undefined> {
  const program = await compile('downtime/fork-time.c', folder, tell);
  if (program === undefined) return undefined;
  return async (memoryMiB, forks) => {
    const { output } = await runCommand([program, `${memoryMiB}`, `${forks}`]);
    return output.trim().split('\n').map(Number);
  };
}
