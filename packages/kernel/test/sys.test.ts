import { PROGRAMS } from '@ckptree/kernel';
import { PAGE_SIZE, SIGCHLD } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import { CpuControl } from '../dist/cpu/cpu-control.js';
import { Nursery } from '../dist/cpu/nursery.js';
import { SystemCalls } from '../dist/cpu/sys.js';
import { Task } from '../dist/cpu/task.js';
import { Descriptors } from '../dist/files/descriptors.js';
import { OpenFiles } from '../dist/files/open-files.js';
import { AddressSpace, emptyDescription } from '../dist/memory/address-space.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';
import { exitLocked } from '../dist/process/exit.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { KERNEL_SLOT } from '../dist/process/slot.js';
import { hosted } from '../dist/programs/hosted.js';
import { Registers } from '../dist/registers.js';
import { MIB } from './memory-fixture.js';

/** What the system calls of tasks are made on, by hand instead of by a cpu. */
function calling() {
  const table = ProcessTable.create(8);
  const files = OpenFiles.create(8);
  const control = CpuControl.create(1);
  const resources = { memory: PhysicalMemory.create(4 * MIB), files };
  const tasks = new Map<number, Task>();
  const nursery: Nursery = new Nursery({
    ...{ index: 0, table, files, resources, control, peers: [undefined], tasks },
    host: (task) => void tasks.set(task.slot, task),
    sysOf: (task) => sysOf(task),
  });
  const sysOf = (task: Task) => new SystemCalls({ table, files, control, nursery }, task);
  const taskWith = (descriptors: Descriptors): Task => {
    const identity = {
      pid: 0,
      ppid: 0,
      tgid: 0,
      pgid: 0,
      sid: 0,
      comm: 'x',
      cpu: 0,
      exitSignal: SIGCHLD,
      flags: 0,
    };
    const slot = table.locked(() => table.addLocked({ ...identity, parent: KERNEL_SLOT }));
    const nothing = AddressSpace.fromDescription(resources, emptyDescription(control.nextMmId()));
    return new Task(slot, hosted, new Registers(), nothing, descriptors);
  };
  const file = files.open('/ckptree/bin/idle', 0);
  const taskIn = (slot: number): Task => tasks.get(slot)!;
  return { table, files, file, sysOf, taskWith, taskIn, references: () => files.state(file.id).refs };
}

const descriptors = (count: number, file: ReturnType<OpenFiles['open']>) =>
  Array.from({ length: count }, (_, fd) => ({ fd, closeOnExec: false, file }));

test('a descriptor that does not fit its table leaves no reference to the file', () => {
  const { files, file, sysOf, taskWith, references } = calling();
  const sys = sysOf(taskWith(new Descriptors(1, files, descriptors(65_536, file))));
  expect(() => sys.dup(0)).toThrow(/full/);
  expect(references()).toBe(1);
});

test('exec closes descriptors of the one who calls it, and of nobody who shared them', () => {
  const { files, file, sysOf, taskWith, references } = calling();
  const shared = new Descriptors(1, files, descriptors(2, file));
  files.grab(file);
  shared.users = 2;
  const [task, other] = [taskWith(shared), taskWith(shared)];
  sysOf(task).setCloseOnExec(1, true);
  sysOf(task).exec('idle', {});
  expect(other.files.list.map(({ fd }) => fd)).toEqual([0, 1]);
  expect(task.files.list.map(({ fd }) => fd)).toEqual([0]);
  expect([other.files.users, task.files.users, references()]).toEqual([1, 1, 3]);
});

test('no task executes a program while others of its thread group live, who would be left in it', () => {
  const { table, files, sysOf, taskWith, taskIn } = calling();
  const leader = taskWith(new Descriptors(1, files));
  const pid = sysOf(leader).clone({ vm: true, files: true, thread: true });
  const child = sysOf(leader).clone();
  const thread = taskIn(table.find(pid)!);
  for (const task of [leader, thread])
    expect(() => sysOf(task).exec('idle', {})).toThrow(expect.objectContaining({ code: 'EPERM' }));
  expect([leader, thread].map(({ slot, program }) => [table.comm(slot), program.name])).toEqual([['x', 'hosted'], ['x', 'hosted']]); // biome-ignore format: who
  sysOf(taskIn(table.find(child)!)).exec('idle', {});
  table.locked(() => exitLocked(table, thread.slot, 0, new Uint8Array(16)));
  sysOf(leader).exec('idle', {});
  expect([leader.program.name, table.comm(leader.slot)]).toEqual(['idle', 'idle']);
});

test('a shell whose script was made up reads no command that is longer than any spec', () => {
  const { files, sysOf, taskWith } = calling();
  const sys = sysOf(taskWith(new Descriptors(1, files)));
  const script = sys.mmap({ length: PAGE_SIZE, prot: { read: true, write: true } });
  sys.mem.setU32(script + 4, 0x7fff_f000);
  sys.regs.set('bx', script);
  sys.regs.set('ip', 1);
  expect(() => PROGRAMS.get('shell')!.step(sys)).toThrow(expect.objectContaining({ code: 'E2BIG' }));
});

test('an exec that fails has closed nothing', () => {
  const { files, file, sysOf, taskWith } = calling();
  const task = taskWith(new Descriptors(1, files, descriptors(1, file)));
  const sys = sysOf(task);
  sys.setCloseOnExec(0, true);
  expect(() => sys.exec('nothing', {})).toThrow(/nothing/);
  expect(() => sys.exec('idle', { ticks: 'many' })).toThrow(/ticks/);
  expect(task.files.list).toHaveLength(1);
});
