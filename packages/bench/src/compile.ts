import { basename, join } from 'node:path';
import { isThere, type Peer, runCommand } from './command.js';

const COMPILER: Peer = { program: 'cc', debianPackage: 'gcc' };

/**
 * Compiles a C program of one file.
 * @param source below `src`: beside the compiled files of this package there is none
 * @returns the program, in the folder; undefined when there is no compiler, which was told
 */
export async function compile(
  source: string,
  folder: string,
  tell: (message: string) => void,
): Promise<string | undefined> {
  if (!isThere(COMPILER, tell)) return undefined;
  const program = join(folder, basename(source, '.c'));
  await runCommand(['cc', '-O2', '-o', program, new URL(`../src/${source}`, import.meta.url).pathname]);
  return program;
}
