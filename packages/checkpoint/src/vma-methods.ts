import { CkptError } from '@ckptree/errors';
import { BATCH_PAGES, putPagesEnd, putVma, VMA_NOT_SUPPORTED } from '@ckptree/image';
import { type MemorySnapshot, type Vma, type VmaOps, vmaRange, vmFlagNames } from '@ckptree/model';
import type { CheckpointContext } from './checkpoint-context.js';
import { checkpointFile } from './checkpoint-file.js';
import type { Debug } from './debug.js';
import { PageArrayChain } from './page-array-chain.js';
import { PageScan } from './page-scan.js';

type VmaMethod = (context: CheckpointContext, vma: Vma, memory: MemorySnapshot) => void;

/** What stands behind a vma decides how it is saved; what has no method here cannot be. */
const METHODS: { readonly [Ops in VmaOps]?: VmaMethod } = {
  none: anonymousCheckpoint,
  file: filemapCheckpoint,
  special: specialMappingCheckpoint,
};

/** Saves one vma of an address space by its own method. @throws ENOSYS see checkSupported() */
export function checkpointVma(context: CheckpointContext, vma: Vma, memory: MemorySnapshot): void {
  checkSupported(vma);
  METHODS[vma.ops]?.(context, vma, memory);
}

/** @throws ENOSYS its flags, or what stands behind it, cannot be saved */
export function checkSupported(vma: Vma): void {
  const bad = vma.flags & VMA_NOT_SUPPORTED;
  if (bad !== 0) throw unsupported(vma, `has the flags ${vmFlagNames(bad)}`);
  if (METHODS[vma.ops] === undefined) throw unsupported(vma, `is backed by ${vma.ops} memory`);
  // Pages that the kernel installed. Of those the vdso alone is known.
  if (vma.ops === 'special' && vma.name !== '[vdso]')
    throw unsupported(vma, `is the special mapping ${vma.name ?? 'without a name'}`);
}

/** Private anonymous memory. */
function anonymousCheckpoint(context: CheckpointContext, vma: Vma, memory: MemorySnapshot): void {
  if (vma.file !== undefined)
    throw new CkptError('EINVAL', `vma ${vmaRange(vma)} is anonymous and has a file, ${vma.file.path}`);
  privateVmaCheckpoint(context, vma, memory, 0);
}

/** A private file mapping: the file by reference, and the pages that were written. */
function filemapCheckpoint(context: CheckpointContext, vma: Vma, memory: MemorySnapshot): void {
  if (vma.file === undefined) throw new CkptError('EINVAL', `vma ${vmaRange(vma)} maps a file and has none`);
  const objref = checkpointFile(context, vma.file);
  privateVmaCheckpoint(context, vma, memory, objref);
}

/** The vdso: every kernel has its own, so its pages are not saved. */
function specialMappingCheckpoint(context: CheckpointContext, vma: Vma): void {
  genericVmaCheckpoint(context, vma, 0);
}

/** The description of a vma, and the contents of its pages. */
function privateVmaCheckpoint(
  context: CheckpointContext,
  vma: Vma,
  memory: MemorySnapshot,
  fileObjref: number,
): void {
  genericVmaCheckpoint(context, vma, fileObjref);
  checkpointMemoryContents(context, vma, memory);
}

/** The description of a vma. */
function genericVmaCheckpoint({ plan, debug }: CheckpointContext, vma: Vma, fileObjref: number): void {
  debug.mm?.(`vma ${vmaRange(vma)} flags ${vmFlagNames(vma.flags)} ops ${vma.ops}`);
  putVma(plan, vma, fileObjref);
}

/** The contents of a private vma: batches of its private pages, and the mark that ends them. */
function checkpointMemoryContents(
  { plan, debug }: CheckpointContext,
  { start, end }: Vma,
  memory: MemorySnapshot,
): void {
  const scan = new PageScan(memory, start, end);
  for (;;) {
    const from = scan.address;
    const pages = scan.skip(BATCH_PAGES);
    if (pages === 0) break;
    debug.mm?.(`collected ${pages} pages`);
    logPages(debug, memory, from, scan.address);
    plan.addBatch(memory, from, scan.address, pages);
  }
  putPagesEnd(plan);
}

function logPages({ page: log }: Debug, memory: MemorySnapshot, start: number, end: number): void {
  if (log === undefined) return;
  const chain = new PageArrayChain();
  chain.fill(new PageScan(memory, start, end));
  for (const pages of chain.arrays)
    for (let index = 0; index < pages.used; index++) log(`got page 0x${pages.address(index).toString(16)}`);
}

const unsupported = (vma: Vma, why: string): CkptError =>
  new CkptError('ENOSYS', `vma ${vmaRange(vma)} ${why}, which a checkpoint cannot save`, {
    vma: vmaRange(vma),
  });
