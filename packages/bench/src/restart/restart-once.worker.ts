import { Kernel, parseSpec } from '@ckptree/kernel';
import { restartImage, restartSource } from '@ckptree/restart';
import { openFileSource } from '@ckptree/restart/file-source';
import { poolEngine, Store } from '@ckptree/store';
import type { ImagePlace, RestartOrder, RestartTimes } from './messages.js';

/** A process of its own for each restart: nothing of the memory that it gets was touched before, and all of it is given back. */
process.once('message', (order: RestartOrder) => {
  measure(order).then(
    (times) => process.send!(times, () => process.exit(0)),
    (error) => {
      process.stderr.write(`${error.stack}\n`);
      process.exit(1);
    },
  );
});

async function measure({ place, lazy, warmUp, memoryBytes, populated }: RestartOrder): Promise<RestartTimes> {
  const kernel = Kernel.boot({ memoryBytes });
  const populating = populated ? await populate(kernel) : undefined;
  await warm(kernel, warmUp);
  const { source, close } = await open(place);
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1e3;
  const first = kernel.stopAt(1, 1, { unborn: true }).then(seconds);
  const { filled } = await restartSource(kernel, source, { lazy });
  const [firstSeconds, filledSeconds] = await Promise.all([first, filled.then(seconds)]);
  const { user, system } = process.cpuUsage(cpuBefore);
  await close();
  const times = { firstSeconds, filledSeconds, cpuSeconds: (user + system) / 1e6 };
  return { ...times, ...(populating !== undefined && { populating }) };
}

async function populate(kernel: Kernel) {
  const start = performance.now();
  await kernel.populate();
  const bytes = kernel.memory.handle.arenas.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { seconds: (performance.now() - start) / 1e3, bytes };
}

/** All threads are up, and what they will run has run: both ways, so that it is compiled. */
async function warm(kernel: Kernel, image: string): Promise<void> {
  const root = { program: 'idle', params: { memoryMiB: 0, ticks: 1 } };
  await kernel.spawn(parseSpec({ root }, { baseFolder: '/' }).tree);
  await kernel.settled();
  for (const lazy of [true, false, true]) {
    const { rootPid, filled } = await restartImage(kernel, image, { lazy });
    await filled;
    await kernel.kill(rootPid);
  }
}

async function open(place: ImagePlace) {
  if (place.kind === 'file') {
    const source = openFileSource(place.path);
    return { source, close: async () => source.close() };
  }
  const store = await Store.open(place.path, { engine: poolEngine() });
  return { source: await store.source(place.id), close: () => store.close() };
}
