import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CkptError } from '@ckptree/errors';
import type { Timing } from './measure.js';

/** Of /proc/PID/stat: user and system time of children that have ended, in ticks of 10 ms (proc(5)). */
const CHILDREN_USER = 15;
const CHILDREN_SYSTEM = 16;
const TICKS_PER_SECOND = 100;
/** Bytes of a command's last words that are kept. */
const OUTPUT_TAIL = 2000;

/** A program that ckptree is held against, and the Debian package that has it. */
export interface Peer {
  readonly program: string;
  readonly debianPackage: string;
}

/** A command that has ended, and the last of what it said. */
export interface CommandRun extends Timing {
  readonly output: string;
}

/** Runs a program to its end, or that of this process, before what else is done then. @throws EIO it failed; with the last of what it said */
export async function runCommand(
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandRun> {
  const [program = '', ...args] = command;
  const cpuBefore = childrenCpuSeconds();
  const start = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-OUTPUT_TAIL);
    });
  const kill = (): void => void child.kill('SIGKILL');
  process.prependListener('exit', kill);
  const [code] = (await once(child, 'close').finally(() => process.off('exit', kill))) as [number | null];
  const seconds = (performance.now() - start) / 1e3;
  if (code !== 0) throw new CkptError('EIO', `${command.join(' ')} failed: ${said.trim()}`);
  return { seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore, output: said };
}

function childrenCpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // The second field is a name in parentheses, which may hold anything.
  const fields = ['', '', ...stat.slice(stat.lastIndexOf(')') + 2).split(' ')];
  return (Number(fields[CHILDREN_USER]) + Number(fields[CHILDREN_SYSTEM])) / TICKS_PER_SECOND;
}

/** Whether a peer can take part; if not, says what to install. */
export function isThere({ program, debianPackage }: Peer, tell: (message: string) => void): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const there = folders.some((folder) => existsSync(join(folder, program)));
  if (!there) tell(`${program} is left out, for it is not there: apt-get install ${debianPackage}`);
  return there;
}
