// A process of its own that works on a store until it is told to stop (its input ends) or is killed: a writer puts checkpoints
// and forgets some of them; a collector, a checker, a repairer and a reader do what their names say. Each committed checkpoint is
// a line on its output: id, and the seed of its image. What is wrong though nobody damaged anything is one that begins so.
import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';

const [path, builder, firstSeed, role] = process.argv.slice(2);
const { buildImage, pages } = await import(builder);
let stopped = false;
process.stdin.on('end', () => {
  stopped = true;
});
process.stdin.resume();

const store = await Store.open(path, { packSize: 256 * 1024 });
const own = [];

const wrong = (what) => process.stdout.write(`wrong ${JSON.stringify(what)}\n`);
const isListed = async (id) => (await store.list()).checkpoints.some((checkpoint) => checkpoint.id === id);

/** What others do than writers, once. */
const turns = {
  async collector() {
    const { deletedPacks } = await store.gc({ waitMs: 200, minLiveShare: 0.9 });
    process.stdout.write(`collected ${deletedPacks.length}\n`);
  },
  async checker() {
    const report = await store.verify({ readData: true });
    if (report.ok) process.stdout.write(`checked ${report.packs}\n`);
    else wrong(report);
  },
  async repairer() {
    const { quarantined, droppedIndexes, salvagedChunks, left } = await store.repair();
    if (quarantined.length + droppedIndexes.length + salvagedChunks + left.length === 0)
      process.stdout.write('repaired\n');
    else wrong({ quarantined, droppedIndexes, salvagedChunks, left });
  },
  async reader() {
    for (const { id } of (await store.list()).checkpoints)
      try {
        await store.export(id, { write: () => undefined });
        process.stdout.write(`read ${id}\n`);
      } catch (error) {
        if (await isListed(id)) wrong({ id, code: error.code, message: error.message });
      }
  },
};

for (let seed = Number(firstSeed); !stopped; seed++) {
  if (role !== 'writer') {
    await turns[role]();
    continue;
  }
  // Half of the pages are the same in all images, of all writers: what one relies on, another may just be giving up.
  const image = buildImage([
    { pid: 1, ppid: 0, pages: pages(120, (index) => (index < 60 ? index : seed * 1000 + index)) },
  ]);
  const session = await store.begin(seed % 2 === 0 ? { name: 'shared' } : {});
  await session.importImage(bytesSource(image));
  const { id } = await session.commit();
  process.stdout.write(`committed ${id} ${seed}\n`);
  own.push(id);
  if (own.length > 2) {
    const forgotten = own.shift();
    process.stdout.write(`forget ${forgotten}\n`);
    await store.forget([forgotten]);
  }
}
await store.close();
