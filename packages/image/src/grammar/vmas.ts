import { PAGE_SIZE, vmFlagNames } from '@ckptree/model';
import { RECORD_HEADER_SIZE, USER_SPACE_END, VMA_NOT_SUPPORTED, VMA_TYPE } from '../constants.js';
import { hex } from '../printable.js';
import { SHORT_VMA_SIZE, shortVma, VMA } from '../records/mm.js';
import { type RecordValues, usualLengths } from '../records.js';
import type { Context } from './context.js';
import { Place, type RecordBody, type Transition } from './transition.js';

type Values = RecordValues<'VMA'>;
type At = Place<keyof Values>;

export const vma: Transition = {
  lengths: () => usualLengths('VMA'),
  take(context, record) {
    const { values, at } = decode(context, record);
    const previousEnd = context.mm?.end ?? 0;
    context.useFile(values.vma_objref, at.field('vma_objref'));
    context.startVma(Number(values.vm_start), Number(values.vm_end));
    checkRange(context, values, previousEnd, at);
    checkType(context, values, at);
    checkFlags(context, values, at);
    context.visitor.vma(values);
    if (values.vma_type === VMA_TYPE.ANON || values.vma_type === VMA_TYPE.FILE) return 'batch';
    context.vma = undefined;
    return 'vmas';
  },
};

/** The fields in either layout, and where they are. */
function decode(
  context: Context,
  { length, position, view, offset }: RecordBody,
): { values: Values; at: At } {
  if (length === SHORT_VMA_SIZE) {
    const values = { ...shortVma.read(view, offset), ino_objref: 0, ino_size: 0n };
    return { values, at: new Place<keyof Values>(position, shortVma.offsets) };
  }
  const stray = VMA.body.strayPadding(view, offset);
  if (stray !== -1)
    context.report(
      'not-zero',
      position + RECORD_HEADER_SIZE + stray - offset,
      'padding of a VMA record is not zero',
    );
  return { values: VMA.body.read(view, offset), at: new Place(position, VMA.body.offsets) };
}

function checkRange(
  context: Context,
  { vm_start, vm_end, vm_pgoff }: Values,
  previousEnd: number,
  at: At,
): void {
  const range = `${vm_start.toString(16)}-${vm_end.toString(16)}`;
  const isAligned = vm_start % BigInt(PAGE_SIZE) === 0n && vm_end % BigInt(PAGE_SIZE) === 0n;
  if (!isAligned || vm_start >= vm_end || vm_end > USER_SPACE_END)
    context.report(
      'vma-range',
      at.field('vm_start'),
      `the vma ${range} is not a range of whole pages in user space`,
    );
  if (vm_start < previousEnd)
    context.report(
      'vma-order',
      at.field('vm_start'),
      `the vma ${range} starts before ${previousEnd.toString(16)}, where the one before it ends`,
    );
  if (vm_pgoff > Number.MAX_SAFE_INTEGER)
    context.report(
      'out-of-range',
      at.field('vm_pgoff'),
      `the vma ${range} is at page ${vm_pgoff} of its file`,
    );
}

function checkType(context: Context, { vma_type, vma_objref, ino_objref, ino_size }: Values, at: At): void {
  const objrefAt = at.field('vma_objref');
  switch (vma_type) {
    case VMA_TYPE.FILE:
      if (vma_objref === 0) context.report('object-undefined', objrefAt, 'a vma of a file refers to no file');
      break;
    case VMA_TYPE.ANON:
    case VMA_TYPE.VDSO:
      if (vma_objref !== 0)
        context.report('object-mismatch', objrefAt, `a vma that has no file refers to objref ${vma_objref}`);
      break;
    default:
      reportType(context, vma_type, at.field('vma_type'));
      // What its contents look like is unknown.
      context.lose();
  }
  if (ino_objref !== 0 || ino_size !== 0n)
    context.report('not-zero', at.field('ino_objref'), 'a private vma refers to an inode of shared memory');
}

function reportType(context: Context, type: number, position: number): void {
  const name = Object.entries(VMA_TYPE).find(([, number]) => number === type)?.[0];
  if (name === undefined) context.report('out-of-range', position, `there are no vmas of type ${type}`);
  else context.report('vma-type', position, `vmas of type ${name} are not supported`);
}

function checkFlags(context: Context, { vm_flags }: Values, at: At): void {
  const position = at.field('vm_flags');
  const refused = vm_flags & BigInt(VMA_NOT_SUPPORTED);
  if (vm_flags > 0xffff_ffffn)
    context.report('vma-flags', position, `the vma flags ${hex(vm_flags)} have more than 32 bits`);
  else if (refused !== 0n)
    context.report(
      'vma-unsupported',
      position,
      `vmas with the flags ${vmFlagNames(Number(refused))} are not supported`,
    );
}
