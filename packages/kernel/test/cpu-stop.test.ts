import { MessageChannel } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { Cpu } from '../dist/cpu/cpu.js';
import { CpuControl, IRQ } from '../dist/cpu/cpu-control.js';
import { CutControl } from '../dist/cut/cut-control.js';
import { OpenFiles } from '../dist/files/open-files.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';
import { ProcessTable } from '../dist/process/process-table.js';

/** How often it goes to sleep is counted; it runs on this thread. */
class CountingControl extends CpuControl {
  sleeps = 0;
  override waitIrq(cpu: number, ms: number): void {
    this.sleeps++;
    super.waitIrq(cpu, ms);
  }
}

test('a cpu with nothing to do that is told to stop does not go to sleep first', () => {
  const control = new CountingControl(CpuControl.create(1).handle);
  const { port1, port2 } = new MessageChannel();
  const cpu = new Cpu({
    index: 0,
    table: ProcessTable.create(4),
    files: OpenFiles.create(4),
    memory: PhysicalMemory.create(2 ** 20),
    control,
    cuts: CutControl.create(1, 4),
    inbox: port1,
    peers: [undefined],
    tell: () => undefined,
    ticksPerSecond: undefined,
  });
  control.ring(0, IRQ.STOP);
  cpu.run();
  expect(control.sleeps).toBe(0);
  port1.close();
  port2.close();
});
