import { readFileSync } from 'node:fs';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { afterEach, expect, jest, test } from '@jest/globals';

const MIB = 2 ** 20;
const running: Kernel[] = [];

afterEach(async () => {
  for (const kernel of running.splice(0)) await kernel.shutdown();
});

function boot(memoryMiB: number): Kernel {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: memoryMiB * MIB });
  running.push(kernel);
  return kernel;
}

/** Bytes of this process that the host has committed. */
const resident = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;

async function digestOf(kernel: Kernel, meanwhile: () => Promise<void>): Promise<string> {
  const ended = new Promise<string>((resolve) => kernel.onExit(({ digest }) => resolve(digest)));
  const params = { workingSetMiB: 16, operations: 30_000, writePercent: 90 };
  const { tree } = parseSpec({ root: { program: 'kvstore', params } }, { baseFolder: '/' });
  await kernel.spawn(tree);
  await meanwhile();
  return ended;
}

test('the host has committed all of the memory when it is populated, and nothing of it is used', async () => {
  const kernel = boot(256);
  const [before, unused] = [resident(), kernel.memory.stats()];
  await kernel.populate({ threads: 2 });
  expect(resident() - before).toBeGreaterThan(200 * MIB);
  expect(kernel.memory.stats()).toEqual(unused);
});

test('tasks that write meanwhile come to the same end', async () => {
  const undisturbed = await digestOf(boot(64), async () => undefined);
  const kernel = boot(64);
  expect(
    await digestOf(kernel, async () => {
      for (let round = 0; round < 5; round++) await kernel.populate({ threads: 2 });
    }),
  ).toBe(undisturbed);
});

test('more memory than the host has is refused before any is touched', async () => {
  const kernel = boot(256);
  const before = resident();
  // The one thing that no test can have for real: a machine that is about to run out of memory.
  const host = jest.spyOn(process, 'availableMemory').mockReturnValue(200 * MIB);
  try {
    await expect(kernel.populate()).rejects.toMatchObject({
      code: 'ENOMEM',
      message: expect.stringMatching(/^cannot populate \d+ bytes of memory: 209715200 are available/),
    });
  } finally {
    host.mockRestore();
  }
  expect(resident() - before).toBeLessThan(64 * MIB);
});

test('it can be cancelled, and ends when the kernel is shut down', async () => {
  const kernel = boot(1024);
  const early = kernel.populate({ signal: AbortSignal.abort() });
  await expect(early).rejects.toMatchObject({ code: 'EINTR' });
  const cancelled = kernel.populate({ signal: AbortSignal.timeout(20) });
  await expect(cancelled).rejects.toMatchObject({ code: 'EINTR' });
  const shutDown = expect(kernel.populate()).rejects.toMatchObject({ code: 'EINTR' });
  await kernel.shutdown();
  await shutDown;
});
