import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { poolEngine, Store } from '@ckptree/store';
import { inTurn, type Series, timed } from '../measure.js';
import type { ScenarioOptions } from '../scenario.js';
import { type Figures, figures } from '../statistics.js';
import { FrozenTree } from '../tree/frozen-tree.js';

const SHARES = [0, 0.001, 0.01, 0.1, 0.5, 1];

/** Checkpoints between which a share of the pages was written. */
export interface ByShare extends Series {
  /** From 0 to 1, as it was. */
  readonly share: number;
  /** Bytes that each has added to the store. */
  readonly bytes: Figures;
}

/** Successive checkpoints of one memory, in turn with little and with much of it written. */
export async function measureShares(
  memoryMiB: number,
  { folder, runs, tell }: ScenarioOptions,
): Promise<ByShare[]> {
  tell(`taking checkpoints of ${memoryMiB} MiB, with 0 to 100 % of the pages written in between`);
  const path = join(folder, 'shares');
  const tree = await FrozenTree.spawn(memoryMiB);
  const store = await Store.init(path, { engine: poolEngine() });
  try {
    await tree.checkpoint(store);
    const points = SHARES.map((share) => ({ share, bytes: [] as number[] }));
    const save = (point: (typeof points)[number]) => async () => {
      point.share = (await tree.write(tree.pages * point.share)) / tree.pages;
      return timed(async () => {
        point.bytes.push((await tree.checkpoint(store)).sizes.stored);
      });
    };
    const entries = points.map((point, index) => [`${index}`, save(point)] as const);
    const series: Readonly<Record<string, Series>> = await inTurn(runs, Object.fromEntries(entries));
    return points.map(({ share, bytes }, index) => ({
      ...{ share, bytes: figures(bytes.slice(1)) },
      ...series[index]!,
    }));
  } finally {
    await store.close();
    await tree.end();
    await rm(path, { recursive: true });
  }
}
