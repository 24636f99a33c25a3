import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpoint, checkpointTo, DumpPool, storeSink } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { restartSource } from '@ckptree/restart';
import { Store } from '@ckptree/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inlineEngine } from '../../store/dist/put/chunk-engine.js';
import { MemoryBackend } from '../../store/test/support/memory-backend.js';
import { type TaskSpec, trees } from './random-tree.js';

const MIB = 2 ** 20;
const ROOT = 40_000;
const folder = mkdtempSync(join(tmpdir(), 'ckptree-restart-incremental-'));
const text = join(folder, 'words.txt');
writeFileSync(text, 'the quick brown fox jumps over the lazy dog\n'.repeat(2000));
const pool = new DumpPool({ threads: 1 });

/** Said, so that the same tree gives the same image. */
const SAME = { time: 1n, uts: { release: 'r', version: 'v', machine: 'x86_64' } };

let before: Kernel;
let after: Kernel;
beforeAll(() => {
  before = Kernel.boot({ cpus: 1, memoryBytes: 256 * MIB });
  after = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB });
});
afterEach(async () => {
  for (const kernel of [before, after]) await killAll(kernel);
});
afterAll(async () => {
  await Promise.all([before, after].map((kernel) => kernel.shutdown()));
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function killAll(kernel: Kernel): Promise<void> {
  for (const { pid } of kernel.ps())
    await kernel.kill(pid).catch((error) => expect(error).toMatchObject({ code: 'ESRCH' }));
  await kernel.settled();
}

/** Pages that were looked at since the count was set to 0. */
let looked = 0;
const counting = (settings: Parameters<typeof inlineEngine>[0]) => {
  const engine = inlineEngine(settings);
  return {
    ...engine,
    scan: (pages: Parameters<typeof engine.scan>[0]) => {
      looked += pages.known.length;
      return engine.scan(pages);
    },
  };
};
const STORES = [
  ['in a folder', () => Store.init(mkdtempSync(join(folder, 'store-')), { engine: counting })],
  ['that is no folder', () => Store.initBackend(new MemoryBackend(), { engine: counting })],
] as const;

async function spawn(root: TaskSpec, tick: number): Promise<void> {
  const stands = before.stopAt(ROOT, tick, { unborn: true });
  await before.spawn(parseSpec({ root }, { baseFolder: folder }).tree);
  await stands;
}

/** Runs it for some ticks, and freezes all of it. */
async function goOn(ticks: number): Promise<void> {
  const { ticks: now } = after.ps().find(({ pid }) => pid === ROOT)!;
  const stands = after.stopAt(ROOT, now + ticks);
  await after.thaw(ROOT);
  await stands;
  await after.freeze(ROOT);
}

/** The image of a tree that stands still, as it is in the store and as it is written in full. */
async function saved(store: Store, kernel: Kernel) {
  const output = join(folder, 'full');
  await checkpoint(kernel, ROOT, { ...SAME, output, pool, leaveFrozen: true });
  looked = 0;
  const { saved } = await checkpointTo(storeSink(store, { name: 'it' }), kernel, ROOT, {
    ...SAME,
    leaveFrozen: true,
  });
  const parts: Buffer[] = [];
  const pages = looked;
  await store.export(saved.id, { write: (bytes) => void parts.push(Buffer.from(bytes)) });
  return { id: saved.id, pages, inStore: Buffer.concat(parts), inFull: readFileSync(output) };
}

describe.each(STORES)('a tree that was restarted from a store %s', (_, init) => {
  test('is saved again at the cost of what it has written since, and of nothing in another store', async () => {
    const [store, other] = [await init(), await init()];
    // The child runs on while the root is stopped, for longer the busier the machine is: it only holds memory.
    const holding = { program: 'idle', params: { memoryMiB: 8, forever: true } };
    const writing = { program: 'idle', params: { ...holding.params, writesPerTick: 1 } };
    await spawn({ pid: ROOT, ...writing, children: [holding] }, 5000);
    await before.freeze(ROOT);
    const first = await saved(store, before);
    await restartSource(after, await store.source(first.id), { frozen: true });
    expect(await saved(store, after)).toMatchObject({ pages: 0 });
    await goOn(20);
    const some = await saved(store, after);
    expect(some.pages).toBeGreaterThan(0);
    expect(some.pages).toBeLessThan(first.pages / 4);
    expect(await saved(other, after)).toMatchObject({ pages: first.pages });
    expect(some.inStore.equals(some.inFull)).toBe(true);
    for (const each of [store, other]) await each.close();
  });

  test('is saved as it is, whatever it did since', async () => {
    const law = fc.asyncProperty(
      trees(text),
      fc.nat(300),
      fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      async (child, tick, steps, lazy) => {
        const store = await init();
        const params = { memoryMiB: 1, forever: true, writesPerTick: 1 };
        await spawn({ pid: ROOT, program: 'idle', params, children: [child] }, tick);
        await before.freeze(ROOT);
        const { id } = await saved(store, before);
        await killAll(before);
        await restartSource(after, await store.source(id), { frozen: true, lazy });
        for (const ticks of steps) {
          await goOn(ticks);
          const { inStore, inFull } = await saved(store, after);
          expect(inStore.equals(inFull)).toBe(true);
        }
        await killAll(after);
        await store.close();
      },
    );
    await fc.assert(law, { numRuns: 12, endOnFailure: true });
  });
});
