import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';

/** Those that ask a process to end. */
const ENDING = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/**
 * Makes a folder for as long as `use` takes. It goes as well when the process is told to end: a store of ten million chunks
 * is not to be left behind.
 */
export async function withOwnFolder<Result>(
  parent: string,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(parent, 'ckptree-bench-'));
  const onSignal = (name: NodeJS.Signals): void => process.exit(128 + constants.signals[name]);
  // Whoever was killed just now may be about to write its last.
  const onExit = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  for (const name of ENDING) process.on(name, onSignal);
  process.on('exit', onExit);
  try {
    return await use(folder);
  } finally {
    for (const name of ENDING) process.off(name, onSignal);
    process.off('exit', onExit);
    await rm(folder, { recursive: true, force: true });
  }
}
