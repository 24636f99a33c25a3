import {
  AT_VECTOR_SIZE,
  EXIT_ZOMBIE,
  type FileDescriptor,
  type FileTable,
  FMODE,
  type MemorySnapshot,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  REGISTERS_SIZE,
  SIGCHLD,
  TASK_STATE,
  type Task,
  type TaskTree,
  VM,
  type Vma,
} from '@ckptree/model';

/** Hand-made parts of task trees, with everything filled in that a test does not care about. */

export type Part<T> = { -readonly [Key in keyof T]?: T[Key] };

let nextId = 1;

export const openFile = (over: Part<OpenFile> = {}): OpenFile => {
  const id = nextId++;
  return {
    id,
    users: 1,
    path: `/data/file-${id}`,
    mode: FMODE.READ,
    flags: 0,
    pos: 0,
    version: 0x1234_5678_9abc_def0n,
    ...over,
  };
};

export const fileTable = (files: readonly OpenFile[], over: Part<FileTable> = {}): FileTable => ({
  id: nextId++,
  users: 1,
  descriptors: files.map((file, fd): FileDescriptor => ({ fd, closeOnExec: fd % 2 === 1, file })),
  ...over,
});

export const NO_MEMORY: MemorySnapshot = { arenas: [], leaves: new Int32Array(0) };

/** A private anonymous vma. */
export const vma = (start: number, pages: number, over: Part<Vma> = {}): Vma => ({
  start,
  end: start + pages * PAGE_SIZE,
  flags: VM.READ | VM.WRITE | VM.MAYREAD | VM.MAYWRITE,
  pageProt: 0x8000_0000_0000_0025n,
  pgoff: start / PAGE_SIZE,
  ops: 'none',
  ...over,
});

export const fileVma = (start: number, pages: number, file: OpenFile, over: Part<Vma> = {}): Vma =>
  vma(start, pages, { ops: 'file', file, pgoff: 0, ...over });

export const VDSO_START = 0x7fff_f7fd_0000;
export const vdso = (over: Part<Vma> = {}): Vma =>
  vma(VDSO_START, 2, { ops: 'special', name: '[vdso]', flags: VM.READ | VM.EXEC, ...over });

export const mm = (vmas: readonly Vma[], over: Part<Mm> = {}): Mm => ({
  id: nextId++,
  users: 1,
  layout: {
    startCode: 0x40_0000,
    endCode: 0x40_1000,
    startData: 0x60_0000,
    endData: 0x60_0800,
    startBrk: 0x80_0000,
    brk: 0x80_2000,
    startStack: 0x7fff_ffff_e000,
    argStart: 0x7fff_ffff_e100,
    argEnd: 0x7fff_ffff_e110,
    envStart: 0x7fff_ffff_e110,
    envEnd: 0x7fff_ffff_e200,
  },
  flags: 0xcdn,
  defFlags: 0n,
  auxv: BigUint64Array.from({ length: AT_VECTOR_SIZE }, (_, index) => 2n ** 40n + BigInt(index)),
  context: { vdso: VDSO_START, ldt: new Uint8Array(0) },
  mapCount: vmas.length,
  vmas,
  outstandingAio: 0,
  memory: NO_MEMORY,
  ...over,
});

/** A live task without objects, unless they are given: the root, or a child of task 1. */
export const task = (pid: number, over: Part<Task> = {}): Task => ({
  pid,
  ppid: pid === 1 ? 0 : 1,
  tgid: pid,
  pgid: 1,
  sid: 1,
  comm: `task-${pid}`,
  state: TASK_STATE.RUNNING,
  exitState: 0,
  exitCode: 0,
  exitSignal: SIGCHLD,
  pdeathSignal: 0,
  setChildTid: 0n,
  clearChildTid: 0n,
  robustList: 0n,
  registers: Uint8Array.from({ length: REGISTERS_SIZE }, (_, index) => (index * pid) % 256),
  ...over,
});

export const zombie = (pid: number): Task => {
  const { registers: _, ...rest } = task(pid, { exitState: EXIT_ZOMBIE, exitCode: 3 << 8 });
  return rest;
};

export const tree = (...tasks: readonly Task[]): TaskTree => ({ rootPid: tasks[0]?.pid ?? 1, tasks });
