// A process of its own that puts checkpoints into a store, forgets some of them and collects garbage, until it is told
// to stop (its input ends) or is killed. Each committed checkpoint is a line on its output: id, and the seed of its image.
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
for (let seed = Number(firstSeed); !stopped; seed++) {
  if (role === 'collector') {
    const { deletedPacks } = await store.gc({ waitMs: 200 });
    process.stdout.write(`collected ${deletedPacks.length}\n`);
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
