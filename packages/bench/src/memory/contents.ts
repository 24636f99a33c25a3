import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isThere, type Peer } from '../command.js';
import type { ScenarioOptions } from '../scenario.js';
import { captureHeap, imageOfCore, type MemoryMix } from './capture.js';

export type { MemoryMix } from './capture.js';

const GDB: Peer = { program: 'gdb', debianPackage: 'gdb' };

/**
 * An image of real memory: of the core that was given, or of a process made for it.
 * @returns undefined when neither can be had; why was told
 */
export async function imageOf(
  name: string,
  mix: MemoryMix,
  { folder, core, tell }: ScenarioOptions,
): Promise<{ readonly image: string; readonly description: string } | undefined> {
  const image = join(folder, `${name}.ckpt`);
  await rm(image, { force: true });
  if (core !== undefined) {
    tell(`hosting ${core}`);
    await imageOfCore(core, image);
    return { image, description: `the memory of ${basename(core)}` };
  }
  if (!isThere(GDB, tell)) return undefined;
  const { heap, random, zeros } = mix;
  tell(
    `building a heap of ${heap} MiB in a Node process, with ${random} MiB of random bytes and ${zeros} of zeros`,
  );
  await captureHeap(folder, mix, image);
  const others = [random > 0 && `${random} MiB of random bytes`, zeros > 0 && `${zeros} MiB of zeros`];
  const besides = others.filter((other) => other !== false).map((other) => ` and ${other}`);
  return { image, description: `${heap} MiB of a Node's heap${besides.join('')}` };
}
