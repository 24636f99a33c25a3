import { checkpoint } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';

const MIB = 2 ** 20;
/** The program `idle` fills two pages in a tick. */
const FILL_TICKS_PER_MIB = 128;

/** The image of one task with so much incompressible memory, of which it writes a page in each tick. */
export async function randomImage(path: string, memoryMiB: number): Promise<void> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB * 1.05 + 64) * MIB });
  try {
    const params = { memoryMiB, pattern: 'random', ticks: 1_000_000_000, writesPerTick: 1 };
    const { tree } = parseSpec({ root: { program: 'idle', params } }, { baseFolder: '/' });
    const filled = kernel.stopAt(1, FILL_TICKS_PER_MIB * memoryMiB + 1, { unborn: true });
    await kernel.spawn(tree);
    await filled;
    await checkpoint(kernel, 1, { output: path, leaveFrozen: true });
  } finally {
    await kernel.shutdown();
  }
}
