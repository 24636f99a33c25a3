import { CkptError } from '@ckptree/errors';
import type { Program } from '../program.js';
import { aio } from './aio.js';
import { forkstorm } from './forkstorm.js';
import { forktree } from './forktree.js';
import { hosted } from './hosted.js';
import { idle } from './idle.js';
import { kvstore } from './kvstore.js';
import { logwriter } from './logwriter.js';
import { shell } from './shell.js';
import { sieve } from './sieve.js';
import { special } from './special.js';
import { threads } from './threads.js';
import { wordcount } from './wordcount.js';
import { zombies } from './zombies.js';

/** Every program that a task can run, by name. */
export const PROGRAMS: ReadonlyMap<string, Program> = new Map(
  [
    aio,
    forkstorm,
    forktree,
    hosted,
    idle,
    kvstore,
    logwriter,
    shell,
    sieve,
    special,
    threads,
    wordcount,
    zombies,
  ].map((program) => [program.name, program]),
);

/**
 * @param field JSON pointer to the name, for the error
 * @throws ENOENT with the names of those that there are
 */
export function programNamed(name: string, field?: string): Program {
  const program = PROGRAMS.get(name);
  if (program !== undefined) return program;
  const known = [...PROGRAMS.keys()].join(', ');
  throw new CkptError('ENOENT', `no program is called "${name}"; there are ${known}`, {
    ...(field !== undefined && { field }),
  });
}
