import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel, type KernelOptions, parseSpec, type TaskExit } from '@ckptree/kernel';
import { afterEach } from '@jest/globals';

export const MIB = 2 ** 20;
const running: Kernel[] = [];

afterEach(async () => {
  for (const kernel of running.splice(0)) await kernel.shutdown();
});

/** A kernel that is shut down when the test has ended. */
export function boot(options: KernelOptions = {}): Kernel {
  const kernel = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB, ...options });
  running.push(kernel);
  return kernel;
}

/** The ends of tasks by pid, as they come in. */
export function exitsOf(kernel: Kernel): Map<number, TaskExit> {
  const exits = new Map<number, TaskExit>();
  kernel.onExit((exit) => exits.set(exit.pid, exit));
  return exits;
}

export const spawn = (kernel: Kernel, root: object, files: object[] = []) =>
  kernel.spawn(parseSpec({ root, ...(files.length > 0 ? { files } : {}) }, { baseFolder: tmpdir() }).tree);

export const digests = (exits: ReadonlyMap<number, TaskExit>) =>
  [...exits]
    .map(([pid, { digest, status }]) => [pid, status, digest])
    .toSorted(([a], [b]) => Number(a) - Number(b));

export const forktree = { program: 'forktree', params: { depth: 2, fanout: 3 } };
export const writer = {
  program: 'kvstore',
  params: { workingSetMiB: 4, operations: 1_000_000_000, writePercent: 90 },
};

/** Waits for something that must come; a test that waits in vain fails by its own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}
