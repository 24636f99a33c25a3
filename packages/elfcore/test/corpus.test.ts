import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HOSTED_EXECUTABLE, readCore } from '@ckptree/elfcore';
import { CPU_REGISTERS, SEGMENT_REGISTERS, VM, type Vma } from '@ckptree/model';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { bytesSource, pagesOf } from './bytes.js';
import { testLiveProcess } from './live-process.js';

/** What gdb and /proc say of threads.core: see corpus/make.sh and corpus/threads.s. */
interface Expected {
  readonly pid: number;
  readonly threads: readonly { readonly pid: number; readonly registers: Record<string, string> }[];
  readonly auxv: readonly (readonly [number, string])[];
  readonly maps: readonly Mapping[];
  readonly pages: Record<string, string>;
}

interface Mapping {
  readonly start: string;
  readonly end: string;
  readonly prot: string;
  readonly offset: string;
  readonly inode: number;
  readonly path: string;
}

const folder = new URL('./corpus/', import.meta.url);
const expected: Expected = JSON.parse(readFileSync(new URL('threads.json', folder), 'utf8'));
const source = bytesSource(readFileSync(new URL('threads.core', folder)));

let tree: Awaited<ReturnType<typeof readCore>>;
beforeAll(async () => {
  tree = await readCore(source);
});
const mm = () => tree.tasks[0]!.mm!;
const vmaAt = (start: number): Vma => mm().vmas.find((vma) => vma.start === start)!;
const mapping = (path: string): Mapping => expected.maps.find((line) => line.path === path)!;

describe('the threads', () => {
  test('are tasks of one group that share one address space and an empty descriptor table', () => {
    expect(tree.rootPid).toBe(expected.pid);
    expect(tree.tasks.map(({ pid }) => pid)).toEqual(expected.threads.map(({ pid }) => pid));
    for (const task of tree.tasks) {
      expect(task).toMatchObject({ tgid: expected.pid, comm: 'threads', exitState: 0 });
      expect(task.mm).toBe(mm());
      expect(task.files).toBe(tree.tasks[0]!.files);
    }
    expect(mm().users).toBe(3);
    expect(tree.tasks[0]!.files).toMatchObject({ users: 3, descriptors: [] });
    expect(tree.tasks.map(({ exitSignal }) => exitSignal)).toEqual([17, -1, -1]);
  });

  test('have the registers that gdb shows', () => {
    const found = tree.tasks.map(({ pid, registers }) => ({ pid, registers: gdbRegisters(registers!) }));
    expect(found).toEqual(expected.threads);
  });

  test('run the program that only keeps memory', () => {
    expect(mm().exe).toMatchObject({ path: HOSTED_EXECUTABLE, users: 1, version: 0n });
  });
});

/** A CPU record under gdb's names. */
function gdbRegisters(record: Uint8Array): Record<string, string> {
  const view = new DataView(record.buffer, record.byteOffset);
  const renamed: Record<string, string> = {
    fs: 'fs_base',
    gs: 'gs_base',
    ip: 'rip',
    flags: 'eflags',
    orig_ax: 'orig_rax',
  };
  const words = CPU_REGISTERS.map((name, index) => {
    const gdbName = renamed[name] ?? (/^r\d/.test(name) ? name : `r${name}`);
    return [gdbName, `0x${view.getBigUint64(index * 8, true).toString(16)}`];
  });
  const selectors = SEGMENT_REGISTERS.map((name, index) => {
    const value = view.getUint16(CPU_REGISTERS.length * 8 + index * 2, true);
    return [name.replace('index', ''), `0x${value.toString(16)}`];
  });
  return Object.fromEntries([...words, ...selectors]);
}

describe('the vmas', () => {
  test('are the mappings of /proc/PID/maps, without the pages that belong to the kernel', () => {
    const ranges = mm().vmas.map(({ start, end }) => [start, end]);
    const own = expected.maps.filter(({ path }) => !path.startsWith('[v') || path === '[vdso]');
    expect(ranges).toEqual(own.map(({ start, end }) => [parseInt(start, 16), parseInt(end, 16)]));
    expect(mm().mapCount).toBe(ranges.length);
  });

  test('have the protection of the mapping, and may be given any', () => {
    for (const { start, prot } of expected.maps.filter(({ prot }) => prot.startsWith('rw'))) {
      const { flags, pageProt } = vmaAt(parseInt(start, 16));
      expect([prot, flags]).toEqual(['rw-p', VM.READ | VM.WRITE | VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC]);
      expect(pageProt).toBe(0x8000000000000025n);
    }
    expect(vmaAt(0x400000).flags & 7).toBe(VM.READ);
    expect(vmaAt(0x401000)).toMatchObject({ flags: 0x75, pageProt: 0x25n });
  });

  test('are file mappings where the core says so, of one open file a path', () => {
    const files = expected.maps.filter(({ inode }) => inode > 0);
    const mapped = mm().vmas.filter(({ ops }) => ops === 'file');
    expect(mapped.map(({ start, pgoff, file }) => [start, pgoff * 4096, file!.path])).toEqual(
      files.map(({ start, offset, path }) => [parseInt(start, 16), parseInt(offset, 16), path]),
    );
    expect(new Set(mapped.map(({ file }) => file)).size).toBe(1);
    expect(mapped[0]!.file!.users).toBe(files.length);
  });

  test('keep the vdso as memory with contents, since its pages are in the core', () => {
    const vdso = parseInt(mapping('[vdso]').start, 16);
    expect(mm().context.vdso).toBe(vdso);
    expect(vmaAt(vdso)).toMatchObject({ ops: 'none', flags: 0x75 });
  });
});

test('the layout is what can be told of it', () => {
  const [heap, stack] = [mapping('[heap]'), mapping('[stack]')];
  expect(mm().layout).toEqual({
    ...{ startCode: 0x401000, endCode: 0x402000, startData: 0x402000, endData: 0x403000 },
    ...{
      startBrk: parseInt(heap.start, 16),
      brk: parseInt(heap.end, 16),
      startStack: parseInt(stack.end, 16),
    },
    ...{ argStart: 0, argEnd: 0, envStart: 0, envEnd: 0 },
  });
});

test('the auxiliary vector is that of the core, less the youngest entry, for which there is no room', () => {
  const AT_RSEQ_ALIGN = 28;
  const kept = expected.auxv.filter(([type]) => type !== AT_RSEQ_ALIGN);
  expect([...mm().auxv]).toEqual(kept.flatMap(([type, value]) => [BigInt(type), BigInt(value)]));
});

test('the pages are those of the core, bit for bit, and no others', async () => {
  const found: Record<string, string> = {};
  for await (const [address, contents] of pagesOf(mm().memory, source))
    found[address.toString(16)] = createHash('sha256').update(contents).digest('hex');
  const vsyscall = mapping('[vsyscall]').start;
  const { [vsyscall]: _, ...own } = expected.pages;
  expect(found).toEqual(own);
});

test('a page that the process wrote holds the address of each of its words', async () => {
  const heap = parseInt(mapping('[heap]').start, 16);
  const vdso = mm().context.vdso;
  const written = new Set([
    heap,
    heap + 0x2000,
    0x1_1000_1000,
    0x1_1000_9000,
    0x1_2000_0000,
    0x1_4000_0000,
    vdso,
  ]);
  for await (const [address, contents] of pagesOf(mm().memory, source)) {
    if (!written.delete(address)) continue;
    const words = new BigUint64Array(contents.buffer);
    expect([words[0], words[511]]).toEqual([BigInt(address), BigInt(address + 511 * 8)]);
  }
  expect(written).toEqual(new Set());
});

await testLiveProcess();
