import { checkpointTo, storeSink } from '@ckptree/checkpoint';
import { Kernel } from '@ckptree/kernel';
import type { Manifest, Store } from '@ckptree/store';
import { spawnHolder } from './holder.js';

const MIB = 2 ** 20;
const PAGES_PER_MIB = 256;
const WRITES_PER_TICK = 16;

/** The name of its checkpoints: each is compared with the one before. */
export const NAME = 'bench';

/** One task with random bytes, frozen but for the pages that it is told to write. */
export class FrozenTree {
  readonly pages: number;
  readonly #kernel: Kernel;
  readonly #pid: number;
  #tick: number;

  private constructor(kernel: Kernel, pid: number, tick: number, pages: number) {
    this.#kernel = kernel;
    this.#pid = pid;
    this.#tick = tick;
    this.pages = pages;
  }

  static async spawn(memoryMiB: number): Promise<FrozenTree> {
    const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB * 1.25 + 256) * MIB });
    const writing = { writesPerTick: WRITES_PER_TICK, scattered: true };
    const { pid, filledTick } = await spawnHolder(kernel, { memoryMiB, ...writing });
    return new FrozenTree(kernel, pid, filledTick, memoryMiB * PAGES_PER_MIB);
  }

  /** Writes to about so many pages, far apart, each once. @returns how many */
  async write(pages: number): Promise<number> {
    const ticks = Math.ceil(pages / WRITES_PER_TICK);
    if (ticks === 0) return 0;
    this.#tick += ticks;
    const there = this.#kernel.stopAt(this.#pid, this.#tick);
    await this.#kernel.thaw(this.#pid);
    await there;
    return ticks * WRITES_PER_TICK;
  }

  async checkpoint(store: Store): Promise<Manifest> {
    return (await checkpointTo(storeSink(store, { name: NAME }), this.#kernel, this.#pid)).saved;
  }

  end(): Promise<void> {
    return this.#kernel.shutdown();
  }
}
