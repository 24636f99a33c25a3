import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCore, writeCore } from '@ckptree/elfcore';
import {
  CPU_REGISTERS,
  FMODE,
  type Mm,
  PAGE_SIZE,
  REGISTERS_SIZE,
  SIGCHLD,
  type StoredPages,
  type Task,
  type TaskTree,
  VM,
} from '@ckptree/model';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BytesSink, bytesSource } from './bytes.js';
import { gdb, onPath, run } from './tools.js';

const scratch = mkdtempSync(join(tmpdir(), 'ckptree-elfcore-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const core = join(scratch, 'task.core');
const mappedFile = join(scratch, 'words.txt');

const HEAP = 0x10_0000;
const FILE = 0x7f00_0000_0000;
const VDSO = 0x7fff_0000_0000;
const AT_SYSINFO_EHDR = 33n;

/** Registers that say in their values which thread and which register they are. */
function registers(thread: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(REGISTERS_SIZE));
  CPU_REGISTERS.forEach((_, index) => {
    view.setBigUint64(index * 8, BigInt(thread * 0x1000 + index), true);
  });
  view.setUint16(CPU_REGISTERS.length * 8 + 4, 0x33, true);
  return new Uint8Array(view.buffer);
}

const pageOf = (value: number) => new Uint8Array(PAGE_SIZE).fill(value);
/** The pages of the tree, one behind the other. */
const pages = Buffer.concat([pageOf(0x11), pageOf(0x33), pageOf(0x44), pageOf(0xf1)]);

/** Two threads; heap pages 0, 2 and 3 of six are there, and page 1 of three of a file mapping. */
function twoThreads(): TaskTree<StoredPages> {
  const file = { id: 3, users: 1, path: mappedFile, mode: FMODE.READ, flags: 0, pos: 0, version: 0n };
  const auxv = new BigUint64Array(44);
  auxv.set([AT_SYSINFO_EHDR, BigInt(VDSO)]);
  const unknown = { startCode: 0, endCode: 0, startData: 0, endData: 0, startBrk: 0, brk: 0, startStack: 0 };
  const mm: Mm<StoredPages> = {
    ...{ id: 2, users: 2, flags: 0n, defFlags: 0n, auxv, mapCount: 3, outstandingAio: 0 },
    layout: { ...unknown, argStart: 0, argEnd: 0, envStart: 0, envEnd: 0 },
    context: { vdso: VDSO, ldt: new Uint8Array() },
    vmas: [
      {
        ...{ start: HEAP, end: HEAP + 6 * PAGE_SIZE, ops: 'none', pgoff: HEAP / PAGE_SIZE },
        ...{ flags: VM.READ | VM.WRITE, pageProt: 0n },
      },
      {
        ...{ start: FILE, end: FILE + 3 * PAGE_SIZE, ops: 'file', pgoff: 1, file },
        ...{ flags: VM.READ | VM.EXEC, pageProt: 0n },
      },
      {
        ...{ start: VDSO, end: VDSO + PAGE_SIZE, ops: 'special', name: '[vdso]', pgoff: 0 },
        ...{ flags: VM.READ | VM.EXEC, pageProt: 0n },
      },
    ],
    memory: {
      runs: Float64Array.of(
        ...[HEAP, 0, 1],
        ...[HEAP + 2 * PAGE_SIZE, PAGE_SIZE, 2],
        ...[FILE + PAGE_SIZE, 3 * PAGE_SIZE, 1],
      ),
    },
  };
  const task = (pid: number): Task<StoredPages> => ({
    ...{ pid, ppid: 1, tgid: 100, pgid: 100, sid: 100, comm: 'kvstore', state: 0, exitState: 0 },
    ...{ exitCode: 0, exitSignal: pid === 100 ? SIGCHLD : -1, pdeathSignal: 0 },
    ...{ setChildTid: 0n, clearChildTid: 0n, robustList: 0n, registers: registers(pid), mm },
  });
  return { rootPid: 100, tasks: [task(100), task(101)] };
}

async function writeTo(path: string, tree: TaskTree<StoredPages>, pid: number, source: Uint8Array) {
  const sink = new BytesSink();
  await writeCore(tree, pid, bytesSource(source), sink);
  writeFileSync(path, sink.bytes);
}

beforeAll(async () => {
  writeFileSync(
    mappedFile,
    Buffer.concat(['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(PAGE_SIZE, letter))),
  );
  await writeTo(core, twoThreads(), 101, pages);
});

// More than 65,534 segments: so many vmas of a page, of which only the last is there.
const VMAS = 66_000;
const LAST = HEAP + (VMAS - 1) * 2 * PAGE_SIZE;
const many = join(scratch, 'many.core');
beforeAll(async () => {
  const [task] = twoThreads().tasks;
  const mm = task!.mm!;
  const vmas = Array.from({ length: VMAS }, (_, index) => {
    const start = HEAP + index * 2 * PAGE_SIZE;
    return { ...mm.vmas[0]!, start, end: start + PAGE_SIZE };
  });
  const memory = { runs: Float64Array.of(LAST, PAGE_SIZE, 1) };
  const tasks = [{ ...task!, mm: { ...mm, vmas, mapCount: VMAS, memory } }];
  await writeTo(many, { rootPid: 100, tasks }, 100, pages);
});

test('a core of more segments than 16 bits count is read back whole', async () => {
  const { tasks } = await readCore(bytesSource(readFileSync(many)));
  expect(tasks[0]!.mm!.vmas).toHaveLength(VMAS);
  const [address, , count] = tasks[0]!.mm!.memory.runs;
  expect([address, count]).toEqual([LAST, 1]);
});

if (onPath('readelf')) {
  describe('readelf', () => {
    test('reads the headers and notes without complaint', () => {
      const { stdout, stderr, status } = run('readelf', [
        '--file-header',
        '--segments',
        '--notes',
        '--wide',
        core,
      ]);
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).not.toMatch(/warning|error|corrupt/i);
      expect(stdout).toMatch(/Type: +CORE/);
      expect(stdout.match(/NT_PRPSINFO/g)).toHaveLength(1);
      expect(stdout.match(/NT_PRSTATUS/g)).toHaveLength(2);
      expect(stdout).toMatch(/NT_AUXV[\s\S]*NT_FILE[\s\S]*CKPTREE/);
    });

    test('shows a segment for each stretch of pages with the absent ones behind it', () => {
      const { stdout } = run('readelf', ['--segments', '--wide', core]);
      const loads = [...stdout.matchAll(/LOAD +(\S+) (\S+) \S+ (\S+) (\S+) (R?)[ ]?(W?)[ ]?(E?) /g)];
      expect(loads.map(([, , address, filled, size]) => [address, filled, size].map(Number))).toEqual([
        [HEAP, PAGE_SIZE, 2 * PAGE_SIZE],
        [HEAP + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 4 * PAGE_SIZE],
        [FILE, 0, PAGE_SIZE],
        [FILE + PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE],
      ]);
      expect(loads.every(([, offset]) => Number(offset) % PAGE_SIZE === 0)).toBe(true);
    });

    test('counts more segments than 16 bits can', () => {
      const { stdout, stderr, status } = run('readelf', ['--file-header', '--wide', many]);
      expect([status, stderr]).toEqual([0, '']);
      // A segment a vma, and the notes.
      expect(stdout).toMatch(new RegExp(`Number of program headers: +65535 \\(${VMAS + 1}\\)`));
    });
  });
}

if (onPath('gdb')) {
  describe('gdb', () => {
    test('opens the core without complaint and shows the chosen thread first', () => {
      const { stdout, stderr, status } = gdb(core, 'info threads');
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain("Core was generated by `kvstore'");
      expect(stdout).toMatch(/\* 1 .*LWP 101[\s\S]* 2 .*LWP 100/);
    });

    test('shows the registers of each thread', () => {
      const named = CPU_REGISTERS.map((name, index) => [gdbName(name), index] as const);
      const print = named.map(([name]) => `printf "${name}=%lx ", $${name}`);
      const { stdout } = gdb(core, ...['thread 1', ...print, 'thread 2', ...print, 'printf "cs=%lx", $cs']);
      for (const thread of [101, 100])
        for (const [name, index] of named)
          expect(stdout).toContain(`${name}=${(thread * 0x1000 + index).toString(16)} `);
      expect(stdout).toContain('cs=33');
    });

    test('shows the pages of the image, zeros and the file where there are none', () => {
      const addresses = [
        HEAP,
        HEAP + PAGE_SIZE,
        HEAP + 2 * PAGE_SIZE,
        HEAP + 4 * PAGE_SIZE - 8,
        HEAP + 5 * PAGE_SIZE,
      ];
      const inFile = [FILE, FILE + PAGE_SIZE, FILE + 2 * PAGE_SIZE];
      const { stdout } = gdb(
        core,
        ...[...addresses, ...inFile].map((address) => `output/x *(long *)${address}`),
      );
      const [, shown] = stdout.match(/((?:0x[0-9a-f]+)+)$/) ?? [];
      const word = (byte: string) => `0x${byte.repeat(8).replace(/^0+(?=.)/, '')}`;
      const expected = ['11', '00', '33', '44', '00', '62', 'f1', '64'].map(word);
      expect(shown).toBe(expected.join(''));
    });

    test('finds the last of more segments than 16 bits count', () => {
      const { stdout, stderr } = gdb(many, `output/x *(long *)${LAST}`);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/0x3333333333333333$/);
    });
  });
}

function gdbName(name: (typeof CPU_REGISTERS)[number]): string {
  const others: Record<string, string> = {
    orig_ax: 'orig_rax',
    ip: 'rip',
    flags: 'eflags',
    fs: 'fs_base',
    gs: 'gs_base',
  };
  return others[name] ?? (/^r\d/.test(name) ? name : `r${name}`);
}
