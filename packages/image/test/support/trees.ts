import type { ImageHead } from '@ckptree/image';
import {
  AT_VECTOR_SIZE,
  EXIT_ZOMBIE,
  type FileTable,
  FMODE,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  REGISTERS_SIZE,
  SIGCHLD,
  type Task,
  VM,
  type Vma,
} from '@ckptree/model';
import type { Pages } from './write-image.js';

/** Small trees of every shape that the format has, made of nothing but constants. */
export const HEAD: ImageHead = {
  uts: { release: '2.6.33-ckptree', version: '#1 SMP', machine: 'x86_64' },
  time: 1_265_000_000n,
  subtree: true,
};

export const page = (seed: number): Uint8Array =>
  Uint8Array.from({ length: PAGE_SIZE }, (_, index) => (seed * 31 + index * 7) & 0xff);

export const file = (path: string, overrides: Partial<OpenFile> = {}): OpenFile => ({
  id: 0,
  users: 0,
  path,
  mode: FMODE.READ | FMODE.LSEEK | FMODE.PREAD,
  flags: 0x8000,
  pos: 0,
  version: 0n,
  ...overrides,
});

export const fileTable = (descriptors: FileTable['descriptors']): FileTable => ({
  id: 0,
  users: 0,
  descriptors,
});

const PRIVATE = VM.READ | VM.WRITE | VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;

export const anonymous = (start: number, pages: number, overrides: Partial<Vma> = {}): Vma => ({
  start,
  end: start + pages * PAGE_SIZE,
  flags: PRIVATE | VM.ACCOUNT,
  pageProt: 0x8000_0000_0000_0025n,
  pgoff: start / PAGE_SIZE,
  ops: 'none',
  ...overrides,
});

export const mapped = (start: number, pages: number, backing: OpenFile): Vma =>
  anonymous(start, pages, { pgoff: 0, ops: 'file', file: backing, flags: PRIVATE });

export const vdso = (start: number): Vma =>
  anonymous(start, 1, {
    ops: 'special',
    name: '[vdso]',
    flags: VM.READ | VM.EXEC | VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC | VM.ALWAYSDUMP,
    pageProt: 0x25n,
    pgoff: 0,
  });

export const mm = (vmas: readonly Vma[], memory: Pages, overrides: Partial<Mm<Pages>> = {}): Mm<Pages> => ({
  id: 0,
  users: 0,
  layout: {
    startCode: 0x40_0000,
    endCode: 0x40_1000,
    startData: 0x60_0000,
    endData: 0x60_1000,
    startBrk: 0x1000_0000,
    brk: 0x1000_4000,
    startStack: 0x7fff_0000_0000,
    argStart: 0x7fff_0000_0100,
    argEnd: 0x7fff_0000_0110,
    envStart: 0x7fff_0000_0110,
    envEnd: 0x7fff_0000_0200,
  },
  flags: 0x7n,
  defFlags: 0n,
  auxv: BigUint64Array.from({ length: AT_VECTOR_SIZE }, (_, index) => (index < 4 ? BigInt(index + 3) : 0n)),
  context: { vdso: 0, ldt: new Uint8Array(0) },
  mapCount: vmas.length,
  vmas,
  outstandingAio: 0,
  memory,
  ...overrides,
});

export const task = (pid: number, overrides: Partial<Task<Pages>> = {}): Task<Pages> => ({
  pid,
  ppid: 1,
  tgid: pid,
  pgid: 10,
  sid: 10,
  comm: `task${pid}`,
  state: 0,
  exitState: 0,
  exitCode: 0,
  exitSignal: SIGCHLD,
  pdeathSignal: 0,
  setChildTid: 0n,
  clearChildTid: 0n,
  robustList: 0n,
  registers: Uint8Array.from({ length: REGISTERS_SIZE }, (_, index) => (pid + index) & 0xff),
  ...overrides,
});

export const zombie = (pid: number, ppid: number): Task<Pages> => {
  const { registers: _, ...rest } = task(pid, {
    ppid,
    state: 0x40,
    exitState: EXIT_ZOMBIE,
    exitCode: 3 << 8,
    setChildTid: 0x0123_4567_89ab_cdefn,
    clearChildTid: 0xfedc_ba98_7654_3210n,
  });
  return rest;
};

/** One task with one page. */
export function single(): Task<Pages>[] {
  const memory = mm([anonymous(0x1000_0000, 2)], new Map([[0x1000_1000, page(1)]]));
  return [task(10, { comm: 'single', mm: memory, files: fileTable([]) })];
}

/**
 * A leader with two descriptors on one file, a mapping of another, a vdso and an LDT; a thread that shares all of
 * it; a forked child that shares the files; a zombie.
 */
export function family(): Task<Pages>[] {
  const executable = file('/ckptree/bin/family', {
    mode: FMODE.READ | FMODE.EXEC,
    version: 0x1122_3344_5566_7788n,
  });
  const log = file('/var/log/family.log', { mode: FMODE.READ | FMODE.WRITE, flags: 0x8402, pos: 4711 });
  const table = fileTable([
    { fd: 0, closeOnExec: false, file: file('/dev/null') },
    { fd: 1, closeOnExec: false, file: log },
    { fd: 7, closeOnExec: true, file: log },
  ]);
  const data = file('/srv/données.bin', { version: 1n });
  const shared = mm(
    [
      mapped(0x40_0000, 1, executable),
      mapped(0x60_0000, 4, data),
      anonymous(0x1000_0000, 6),
      anonymous(0x7fff_0000_0000 - 0x8000, 8, { flags: PRIVATE | VM.GROWSDOWN | VM.ACCOUNT }),
      vdso(0x7fff_f000_0000),
    ],
    new Map([
      [0x60_1000, page(2)],
      [0x1000_0000, page(3)],
      [0x1000_1000, page(4)],
      [0x1000_4000, page(5)],
      [0x7fff_0000_0000 - 0x1000, page(6)],
    ]),
    {
      exe: executable,
      context: { vdso: 0x7fff_f000_0000, ldt: Uint8Array.from({ length: 16 }, (_, i) => i) },
    },
  );
  const child = mm([anonymous(0x1000_0000, 6)], new Map([[0x1000_0000, page(7)]]), { exe: executable });
  return [
    task(10, { comm: 'leader', mm: shared, files: table, robustList: 0x1000_0010n }),
    task(11, { comm: 'thread', tgid: 10, exitSignal: -1, mm: shared, files: table, state: 1 }),
    task(12, { comm: 'child', ppid: 10, mm: child, files: table, pdeathSignal: 9 }),
    zombie(13, 12),
  ];
}
