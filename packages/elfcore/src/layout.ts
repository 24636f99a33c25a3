import { type MmLayout, VM, type Vma } from '@ckptree/model';
import { AT, auxvValue } from './auxv.js';

/** The break is placed at random within this of the executable's end: Linux arch/x86/kernel/process.c. */
const BRK_RANDOM_BYTES = 2 ** 30;

const UNKNOWN: MmLayout = {
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
};

/**
 * What can be told of an address space's layout from a core, which does not state it; 0 is unknown. In whole
 * mappings: the code is the one with the entry point, the data the last writable one of the same file, the heap the
 * writable anonymous one within reach of the break if there is just one, the stack the one that holds the kernel's random
 * bytes (or else the stack pointer of the leader), and its start its upper end. The ranges of arguments and environment
 * are never known.
 * @param sp stack pointer of the leader
 */
export function deriveLayout(vmas: readonly Vma[], auxv: BigUint64Array, sp: bigint): MmLayout {
  const vmaAt = (address: bigint | undefined) =>
    address === undefined ? undefined : vmas.find(({ start, end }) => start <= address && address < end);
  const at = (type: number) => vmaAt(auxvValue(auxv, type));

  const code = at(AT.ENTRY) ?? at(AT.PHDR);
  const stack = at(AT.RANDOM) ?? vmaAt(sp);
  return {
    ...UNKNOWN,
    ...(code && { startCode: code.start, endCode: code.end, ...dataAndHeap(vmas, code) }),
    ...(stack && { startStack: stack.end }),
  };
}

const isWritable = ({ flags }: Vma): boolean => (flags & VM.WRITE) !== 0;
const isWritableAnonymous = (vma: Vma): boolean => vma.ops === 'none' && isWritable(vma);

function dataAndHeap(vmas: readonly Vma[], code: Vma): Partial<MmLayout> {
  const from = vmas.indexOf(code);
  let behind = from + 1;
  while (code.file !== undefined && vmas[behind]?.file === code.file) behind++;
  const data = vmas.slice(from, behind).findLast(isWritable);
  // The executable's zero-initialised data goes on right behind its file mapping.
  const bss = vmas[behind];
  if (bss !== undefined && isWritableAnonymous(bss) && bss.start === vmas[behind - 1]!.end) behind++;
  const { end } = vmas[behind - 1]!;
  const inReach = vmas.slice(behind).filter(({ start }) => start - end < BRK_RANDOM_BYTES);
  const candidates = inReach.filter(isWritableAnonymous);
  const heap = candidates.length === 1 ? candidates[0] : undefined;
  return {
    ...(data && { startData: data.start, endData: data.end }),
    ...(heap && { startBrk: heap.start, brk: heap.end }),
  };
}
