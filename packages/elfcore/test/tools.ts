import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a program is on PATH: tests that judge by it are defined only then. */
export function onPath(tool: string): boolean {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.some((folder) => folder !== '' && existsSync(join(folder, tool)));
}

export interface Output {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, in English and without the user's settings. */
export function run(tool: string, args: readonly string[]): Output {
  const env = { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: '' };
  const { status, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8', env, timeout: 30_000 });
  return { status, stdout, stderr };
}

/** What gdb prints when it opens a core and executes these commands. */
export function gdb(core: string, ...commands: string[]): Output {
  return run('gdb', ['-nx', '-batch', ...commands.flatMap((command) => ['-ex', command]), '-c', core]);
}
