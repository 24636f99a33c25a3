import { spawnSync } from 'node:child_process';
import { CkptError } from '@ckptree/errors';
import { type Figures, figures } from './statistics.js';

/** Bytes a second in units of 10^9. */
export const gigabytesPerSecond = (bytes: number, seconds: number): number => bytes / seconds / 1e9;

/** Seconds that each of several things takes: once to warm up, then `runs` times in turn, so that drift hits all alike. */
export async function inTurn(
  runs: number,
  things: Readonly<Record<string, () => Promise<number>>>,
): Promise<Readonly<Record<string, Figures>>> {
  const times = new Map<string, number[]>(Object.keys(things).map((name) => [name, []]));
  for (let run = 0; run <= runs; run++) {
    for (const [name, thing] of Object.entries(things)) {
      const seconds = await thing();
      if (run > 0) times.get(name)!.push(seconds);
    }
  }
  return Object.fromEntries([...times].map(([name, values]) => [name, figures(values)]));
}

/** Seconds of wall clock. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1e3;
}

/** `cp` and `sync` of one file, as anybody would do it by hand. */
export async function copyAndSync(from: string, to: string): Promise<void> {
  for (const [command, ...args] of [
    ['cp', '--reflink=never', from, to],
    ['sync', to],
  ] as const) {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0)
      throw new CkptError('EIO', `${command} ${args.join(' ')} failed: ${stderr.trim()}`, { path: to });
  }
}
