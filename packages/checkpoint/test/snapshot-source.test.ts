import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { snapshotSourceSuite } from './support/snapshot-source-suite.js';
import { HandMadeSource } from './support/source.js';
import { fileTable, fileVma, mm, openFile, task, tree, vdso, vma, zombie } from './support/trees.js';

const nothing = async () => undefined;

snapshotSourceSuite('a tree made by hand', async () => {
  const space = new AddressSpace(new PhysicalMemory(64));
  for (let page = 1; page < 20; page++) space.setPage(page * 0x7000, { content: Uint8Array.of(page) });
  const exe = openFile({ users: 2 });
  const files = fileTable([openFile()], { users: 2 });
  const vmas = [vma(0x1000, 100), fileVma(0x8_0000, 40, exe), vdso()];
  const shared = mm(vmas, { exe, users: 2, memory: space.snapshot() });
  const source = new HandMadeSource(
    tree(task(1, { mm: shared, files }), task(2, { mm: shared, files }), zombie(3)),
  );
  return { source, rootPid: 1, disturb: nothing, close: nothing };
});

snapshotSourceSuite('the simulated kernel', async () => {
  const kernel = Kernel.boot({ cpus: 2, memoryBytes: 128 * 2 ** 20 });
  const busy = {
    program: 'kvstore',
    params: { workingSetMiB: 2, operations: 1_000_000_000, writePercent: 90 },
  };
  const { tree: spawnTree } = parseSpec({ root: { ...busy, children: [busy, busy] } }, { baseFolder: '/' });
  const rootPid = await kernel.spawn(spawnTree);
  await sleep(20);
  return { source: kernel, rootPid, disturb: () => sleep(20), close: () => kernel.shutdown() };
});
