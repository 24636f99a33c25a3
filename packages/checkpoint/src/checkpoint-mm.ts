import { at, CkptError } from '@ckptree/errors';
import { putAuxv, putMm, putMmContext, putObjref } from '@ckptree/image';
import { type Mm, PAGE_SIZE, type Vma, vmaRange } from '@ckptree/model';
import type { CheckpointContext } from './checkpoint-context.js';
import { checkpointFile } from './checkpoint-file.js';
import { checkpointVma, checkSupported } from './vma-methods.js';

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
  checkAddressSpace(mm);
  putObjref(plan, 'MM', objref);
  const exeObjref = mm.exe === undefined ? 0 : checkpointFile(context, mm.exe);
  putMm(plan, mm, exeObjref);
  putAuxv(plan, mm.auxv);

  checkpointVmas(context, mm);

  debug.mm?.(`ldt of ${mm.context.ldt.length} bytes, vdso 0x${mm.context.vdso.toString(16)}`);
  putMmContext(plan, mm.context);
}

function checkpointVmas(context: CheckpointContext, { vmas, memory }: Mm): void {
  for (const vma of vmas) {
    try {
      checkpointVma(context, vma, memory);
      // The collection counted the file; not every method defines it. In a container it must not seem forgotten.
      if (vma.file !== undefined && !context.subtree) context.visitObject('FILE', vma.file);
    } catch (error) {
      throw at(error, { vma: vmaRange(vma) });
    }
  }
}

/**
 * Finds out whether an address space can be saved, before anything of it is written.
 * @throws EBUSY something is under way, or it changed; ENOSYS a vma cannot be saved; EINVAL the vmas contradict each other
 */
export function checkAddressSpace({ vmas, mapCount, outstandingAio }: Mm): void {
  if (outstandingAio > 0)
    throw new CkptError(
      'EBUSY',
      `the address space has ${outstandingAio} outstanding asynchronous requests; wait for them and try again`,
    );
  let behindLast = 0;
  for (const vma of vmas) {
    try {
      checkRange(vma, behindLast);
      checkSupported(vma);
    } catch (error) {
      throw at(error, { vma: vmaRange(vma) });
    }
    behindLast = vma.end;
  }
  if (vmas.length !== mapCount)
    throw new CkptError(
      'EBUSY',
      `the address space says that it has ${mapCount} vmas, and ${vmas.length} were found: it changed under the checkpoint`,
    );
}

function checkRange(vma: Vma, behindLast: number): void {
  const { start, end } = vma;
  if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0 || start >= end || start < behindLast)
    throw new CkptError('EINVAL', `vma ${vmaRange(vma)} is not made of pages, or not behind the one before`);
}
