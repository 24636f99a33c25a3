import { at, CkptError } from '@ckptree/errors';
import { encodeAuxv, encodeMm, encodeMmContext, encodeObjref } from '@ckptree/image';
import { type Mm, PAGE_SIZE, type Vma, vmaRange } from '@ckptree/model';
import type { CheckpointContext } from './checkpoint-context.js';
import { checkpointFile } from './checkpoint-file.js';
import { checkpointVma } from './vma-methods.js';

/**
 * An address space, defined where it is first reached.
 * @param pid the task that reaches it
 * @returns its objref
 */
export function checkpointMm(context: CheckpointContext, mm: Mm, pid: number): number {
  return context.checkpointObject('MM', mm, (objref) => {
    context.plan.beginSegment('mm', pid, objref);
    try {
      writeMm(context, mm, objref);
    } catch (error) {
      throw at(error, { object: 'MM', objref });
    }
    // What is left of the task that it lies in.
    context.plan.beginSegment('task', pid);
  });
}

function writeMm(context: CheckpointContext, mm: Mm, objref: number): void {
  const { plan, debug } = context;
  if (mm.outstandingAio > 0)
    throw new CkptError(
      'EBUSY',
      `the address space has ${mm.outstandingAio} outstanding asynchronous requests; wait for them and try again`,
    );
  plan.addRecords(encodeObjref('MM', objref));
  const exeObjref = mm.exe === undefined ? 0 : checkpointFile(context, mm.exe);
  plan.addRecords(encodeMm(mm, exeObjref));
  plan.addRecords(encodeAuxv(mm.auxv));

  const found = checkpointVmas(context, mm);
  if (found !== mm.mapCount)
    throw new CkptError(
      'EBUSY',
      `the address space says that it has ${mm.mapCount} vmas, and ${found} were found: it changed under the checkpoint`,
    );

  debug.mm?.(`ldt of ${mm.context.ldt.length} bytes, vdso 0x${mm.context.vdso.toString(16)}`);
  plan.addRecords(encodeMmContext(mm.context));
}

/** @returns how many vmas there are */
function checkpointVmas(context: CheckpointContext, { vmas, memory }: Mm): number {
  let behindLast = 0;
  for (const vma of vmas) {
    try {
      checkRange(vma, behindLast);
      checkpointVma(context, vma, memory);
      // The collection counted the file; not every method defines it. In a container it must not seem forgotten.
      if (vma.file !== undefined && !context.subtree) context.visitObject('FILE', vma.file);
    } catch (error) {
      throw at(error, { vma: vmaRange(vma) });
    }
    behindLast = vma.end;
  }
  return vmas.length;
}

function checkRange(vma: Vma, behindLast: number): void {
  const { start, end } = vma;
  if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0 || start >= end || start < behindLast)
    throw new CkptError('EINVAL', `vma ${vmaRange(vma)} is not made of pages, or not behind the one before`);
}
