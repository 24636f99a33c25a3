import { expect, test } from '@jest/globals';
import { Cutter, type CutterParts } from '../dist/cut/cutter.js';
import { OpenFiles } from '../dist/files/open-files.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { KERNEL_SLOT } from '../dist/process/slot.js';

test('a cpu may tell what it saw while another is still being waited for', async () => {
  const table = ProcessTable.create(4);
  // biome-ignore format: one identity
  const identity = { pid: 7, ppid: 0, tgid: 7, pgid: 7, sid: 7, comm: 'gone', parent: KERNEL_SLOT, cpu: 0, exitSignal: 17, flags: 0 };
  const slot = table.locked(() => table.addZombieLocked(identity, 0, new Uint8Array(16)));
  let looks = 0;
  const parts = {
    table,
    files: OpenFiles.create(4),
    memory: PhysicalMemory.create(1 << 20),
    freezer: { freeze: async () => [slot], cpusOf: () => new Set([0]), release: () => undefined },
    control: {
      beginCut: () => undefined,
      ring: () =>
        setImmediate(() =>
          cutter.receive({ type: 'piece', cut: 1, tasks: [], mms: [], tables: [], last: true }),
        ),
      // Not yet at the first look: the event loop gets its turn, and the piece is there before the snapshots are.
      waitSnapshots: () => looks++ > 0,
    },
  };
  const cutter = new Cutter(parts as unknown as CutterParts);
  const cut = await cutter.cut(7, {});
  expect(cut.tree.tasks.map(({ pid }) => pid)).toEqual([7]);
});
