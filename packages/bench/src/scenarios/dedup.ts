import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { PAGE_SIZE } from '@ckptree/model';
import { type Manifest, poolEngine, Store } from '@ckptree/store';
import { runCommand } from '../command.js';
import { imageOf } from '../memory/contents.js';
import { imageOfForkedTasks } from '../memory/forked-tasks.js';
import { writePages } from '../memory/written-pages.js';
import type { Measurement, Ratio, Scenario, ScenarioOptions } from '../scenario.js';
import { exactly } from '../statistics.js';
import { exportTo, putFile } from '../store/ckptree.js';

const TASKS = 64;
/** One page in so many is a task's own: the tasks share 95 %. */
const OWN_ONE_IN = 20;
const MIB = 2 ** 20;
/** One page in so many is written between two checkpoints. */
const WRITTEN_ONE_IN = 100;

/** What is kept twice, and whether everything comes back as it was. */
export const dedup: Scenario = {
  name: 'dedup',
  summary: 'what forked tasks, a second checkpoint and an unchanged one add; whether exports are the same',
  async *measure(options) {
    const { folder, memoryMiB } = options;
    const contents = await imageOf('heap', { heap: memoryMiB, random: 0, zeros: 0 }, options);
    if (contents === undefined) return;
    const store = await Store.init(join(folder, 'dedup'), { engine: poolEngine() });
    try {
      const measurements = [
        ...(await successive(store, contents.image, options)),
        await forked(contents.image, options),
        await ofOwnTree(store, options),
      ];
      yield { heading: contents.description, measurements };
    } finally {
      await store.close();
    }
  },
};

/** One memory, stored again and again. */
async function successive(
  store: Store,
  image: string,
  { folder, tell }: ScenarioOptions,
): Promise<Measurement[]> {
  tell('storing a memory, the same again, and with 1 % of its pages written');
  const first = await putFile(store, image);
  const unchanged = await putFile(store, image);
  const changed = join(folder, 'changed.ckpt');
  const written = await writePages(image, changed, WRITTEN_ONE_IN);
  const second = await putFile(store, changed);
  const rows = [
    stored('a first checkpoint', first),
    stored('an unchanged one', unchanged, { ...shareOf(unchanged, first), goal: 0.005 }),
    stored(`one with ${written} of ${first.tree.pages} pages written`, second, {
      ...shareOf(second, first),
      goal: 0.015,
    }),
    await differing('export, of an image made from a core', store, first, image),
    await differing('export, of the one with pages written', store, second, changed),
  ];
  await rm(changed);
  return rows;
}

/** Tasks that have most of their pages in common, though in an image each has its own. */
async function forked(memory: string, { folder, memoryMiB, tell }: ScenarioOptions): Promise<Measurement> {
  tell(`making ${TASKS} tasks that share 95 % of their pages, and storing them`);
  const image = join(folder, 'forked.ckpt');
  const pages = Math.ceil((memoryMiB * MIB) / TASKS / PAGE_SIZE);
  const unique = await imageOfForkedTasks(memory, { tasks: TASKS, pages, ownOneIn: OWN_ONE_IN }, image);
  const empty = await Store.init(join(folder, 'forked'), { engine: poolEngine() });
  try {
    const { sizes } = await putFile(empty, image);
    const ratio = { value: sizes.new / (unique * PAGE_SIZE), to: 'unique pages', goal: 1.02 };
    const what = `contents kept of ${TASKS} forked tasks with ${TASKS * pages} pages, ${unique} of them different`;
    return { what, unit: 'MB', figures: exactly(sizes.new / 1e6), ratio };
  } finally {
    await empty.close();
    await rm(image);
  }
}

/** An image of our own making: a running tree's. */
async function ofOwnTree(store: Store, { folder }: ScenarioOptions): Promise<Measurement> {
  const image = join(folder, 'own.ckpt');
  const kernel = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB });
  try {
    const spec = { root: { program: 'forktree', params: { depth: 4, pages: 2048, work: 1_000_000 } } };
    const root = await kernel.spawn(parseSpec(spec, { baseFolder: folder }).tree);
    await kernel.stopAt(root, 3000);
    await checkpoint(kernel, root, { output: image });
  } finally {
    await kernel.shutdown();
  }
  const manifest = await putFile(store, image);
  return differing(`export, of a checkpoint of ${manifest.tree.tasks} tasks`, store, manifest, image);
}

const stored = (what: string, { sizes }: Manifest, ratio?: Ratio): Measurement => ({
  what: `stored for ${what}`,
  unit: 'MB',
  figures: exactly(sizes.stored / 1e6),
  ...(ratio !== undefined && { ratio }),
});

const shareOf = ({ sizes }: Manifest, first: Manifest): Ratio => ({
  value: sizes.stored / first.sizes.stored,
  to: 'the first',
});

/** @throws EIO the export is not the same, byte for byte */
async function differing(what: string, store: Store, { id }: Manifest, image: string): Promise<Measurement> {
  const target = `${image}.exported`;
  await exportTo(store, id, target);
  await runCommand(['cmp', image, target]);
  await rm(target);
  return { what: `${what}: bytes that differ`, unit: 'bytes', figures: exactly(0) };
}
