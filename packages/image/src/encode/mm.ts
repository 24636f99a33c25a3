import { CkptError } from '@ckptree/errors';
import {
  AT_VECTOR_SIZE,
  LDT_ENTRY_SIZE,
  type Mm,
  type MmContext,
  type Vma,
  type VmaOps,
  vmaRange,
} from '@ckptree/model';
import { VMA_TYPE } from '../constants.js';
import { putPayload, putRecord } from '../records.js';
import type { RecordTarget } from './target.js';

/**
 * The description of an address space. Before it come its OBJREF and, where it is first met, the executable; behind it
 * its auxiliary vector.
 * @param exeObjref 0 when it has no executable
 */
export const putMm = (target: RecordTarget, mm: Mm<unknown>, exeObjref: number): void =>
  putRecord(target, 'MM', {
    map_count: mm.mapCount,
    exe_objref: exeObjref,
    def_flags: mm.defFlags,
    flags: mm.flags,
    start_code: BigInt(mm.layout.startCode),
    end_code: BigInt(mm.layout.endCode),
    start_data: BigInt(mm.layout.startData),
    end_data: BigInt(mm.layout.endData),
    start_brk: BigInt(mm.layout.startBrk),
    brk: BigInt(mm.layout.brk),
    start_stack: BigInt(mm.layout.startStack),
    arg_start: BigInt(mm.layout.argStart),
    arg_end: BigInt(mm.layout.argEnd),
    env_start: BigInt(mm.layout.envStart),
    env_end: BigInt(mm.layout.envEnd),
  });

/** The auxiliary vector. @throws EINVAL it has not AT_VECTOR_SIZE entries */
export function putAuxv(target: RecordTarget, auxv: BigUint64Array): void {
  if (auxv.length !== AT_VECTOR_SIZE)
    throw new CkptError('EINVAL', `an auxiliary vector of ${auxv.length} entries; it has ${AT_VECTOR_SIZE}`);
  putPayload(target, 'BUFFER', littleEndian(auxv));
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The bytes of numbers as an image has them, whichever machine writes it: those of the numbers themselves, or a copy. */
function littleEndian({ buffer, byteOffset, byteLength }: BigUint64Array): Uint8Array {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  if (IS_LITTLE_ENDIAN) return bytes;
  const swapped = bytes.slice();
  for (let at = 0; at < byteLength; at += 8) swapped.subarray(at, at + 8).reverse();
  return swapped;
}

/** What a checkpoint makes of a vma, by what stands behind it; the rest has no type in this format. */
const TYPE_OF_OPS: Partial<Record<VmaOps, number>> = {
  none: VMA_TYPE.ANON,
  file: VMA_TYPE.FILE,
  special: VMA_TYPE.VDSO,
};

/** True for a vma whose page contents follow its record. */
export const hasContents = ({ ops }: Pick<Vma, 'ops'>): boolean => ops === 'none' || ops === 'file';

/**
 * A vma. Its contents follow when it `hasContents`.
 * @param fileObjref of the file behind it; 0 for none
 * @throws ENOSYS the format has no type for such a vma
 */
export function putVma(target: RecordTarget, vma: Vma, fileObjref: number): void {
  const type = TYPE_OF_OPS[vma.ops];
  if (type === undefined)
    throw new CkptError(
      'ENOSYS',
      `the vma ${vmaRange(vma)} is of kind ${vma.ops}, which cannot be checkpointed`,
      {
        vma: vmaRange(vma),
      },
    );
  putRecord(target, 'VMA', {
    vma_type: type,
    vma_objref: fileObjref,
    ino_objref: 0,
    ino_size: 0n,
    vm_start: BigInt(vma.start),
    vm_end: BigInt(vma.end),
    vm_page_prot: vma.pageProt,
    vm_flags: BigInt(vma.flags),
    vm_pgoff: BigInt(vma.pgoff),
  });
}

/** Ends an address space: MM_CONTEXT and MM_CONTEXT_LDT. @throws EINVAL the table is not made of whole entries */
export function putMmContext(target: RecordTarget, { vdso, ldt }: MmContext): void {
  if (ldt.length % LDT_ENTRY_SIZE !== 0)
    throw new CkptError(
      'EINVAL',
      `a local descriptor table of ${ldt.length} bytes is not made of entries of ${LDT_ENTRY_SIZE}`,
    );
  putRecord(target, 'MM_CONTEXT', {
    vdso: BigInt(vdso),
    ldt_entry_size: LDT_ENTRY_SIZE,
    nldt: ldt.length / LDT_ENTRY_SIZE,
  });
  putPayload(target, 'MM_CONTEXT_LDT', ldt);
}
