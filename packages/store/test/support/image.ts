import {
  encode,
  pagesHeader,
  putAuxv,
  putHead,
  putMm,
  putMmContext,
  putObjref,
  putPagesEnd,
  putTail,
  putTask,
  putTaskObjs,
  putTree,
  putVma,
} from '@ckptree/image';
import { AT_VECTOR_SIZE, type Mm, PAGE_SIZE, REGISTERS_SIZE, type Task, VM, type Vma } from '@ckptree/model';

/** Most pages in a batch of the images made here: small, so that few pages make many batches. */
export interface TaskSpec {
  readonly pid: number;
  readonly ppid: number;
  readonly comm?: string;
  /** Contents by page number; they lie from BASE on. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** Where the memory of every task here begins. */
export const BASE = 0x10_0000_0000;
const SPAN = 1 << 20;

/** A page whose content follows from its seed, and compresses no better than noise. */
export function page(seed: number): Uint8Array {
  const words = new Uint32Array(PAGE_SIZE / 4);
  let state = (seed + 1) * 0x9e37_79b1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer);
}

/** Pages 0 to `count`, each from the seed that `seedOf` gives. */
export const pages = (
  count: number,
  seedOf: (index: number) => number = (index) => index,
): Map<number, Uint8Array> =>
  new Map(Array.from({ length: count }, (_, index) => [index, page(seedOf(index))]));

const taskOf = ({ pid, ppid, comm = `task${pid}` }: TaskSpec): Task<never> => ({
  pid,
  ppid,
  tgid: pid,
  pgid: 1,
  sid: 1,
  comm,
  state: 0,
  exitState: 0,
  exitCode: 0,
  exitSignal: 17,
  pdeathSignal: 0,
  setChildTid: 0n,
  clearChildTid: 0n,
  robustList: 0n,
  registers: new Uint8Array(REGISTERS_SIZE).fill(pid & 0xff),
});

const vma: Vma = {
  start: BASE,
  end: BASE + SPAN * PAGE_SIZE,
  flags: VM.READ | VM.WRITE,
  pageProt: 0n,
  pgoff: BASE / PAGE_SIZE,
  ops: 'none',
};

const mm: Mm<unknown> = {
  id: 0,
  users: 1,
  layout: {
    startCode: 0,
    endCode: 0,
    startData: 0,
    endData: 0,
    startBrk: 0,
    brk: 0,
    startStack: 0,
    argStart: 0,
    argEnd: 0,
    envStart: 0,
    envEnd: 0,
  },
  flags: 0n,
  defFlags: 0n,
  auxv: new BigUint64Array(AT_VECTOR_SIZE),
  context: { vdso: 0, ldt: new Uint8Array(0) },
  mapCount: 1,
  vmas: [vma],
  outstandingAio: 0,
  memory: undefined,
};

/** A valid image of a tree of tasks, each with one anonymous mapping. The first task is the root. */
export function buildImage(tasks: readonly TaskSpec[], time = 0n, batchPages = 8192): Buffer {
  const uts = { release: '6.1', version: '#1', machine: 'x86_64' };
  const parts: Uint8Array[] = [
    encode(putHead, { uts, time, subtree: true }),
    encode(putTree, tasks.map(taskOf)),
  ];
  for (const [index, task] of tasks.entries()) {
    const objref = index + 1;
    parts.push(
      encode(putTask, taskOf(task)),
      encode(putObjref, 'MM', objref),
      encode(putMm, mm, 0),
      encode(putAuxv, mm.auxv),
      encode(putVma, vma, 0),
    );
    const numbers = [...task.pages.keys()].sort((a, b) => a - b);
    for (let at = 0; at < numbers.length; at += batchPages) {
      const batch = numbers.slice(at, at + batchPages);
      parts.push(pagesHeader(batch.map((number) => BASE + number * PAGE_SIZE)));
      for (const number of batch) parts.push(task.pages.get(number)!);
    }
    parts.push(
      encode(putPagesEnd),
      encode(putMmContext, mm.context),
      encode(putTaskObjs, { files: 0, mm: objref }),
    );
  }
  return Buffer.concat([...parts, encode(putTail)]);
}
