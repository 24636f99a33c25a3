import { CkptError } from '@ckptree/errors';
import { type OpenFile, PAGE_SIZE, type StoredPages, VM, type Vma, vmaRange } from '@ckptree/model';
import { PF } from './elf.js';
import type { MappedFile } from './mapped-files.js';
import type { LoadSegment } from './read-segments.js';

/** Protections of private mappings on x86: Linux 2.6.33, arch/x86/include/asm/pgtable_types.h. */
const PAGE_NONE = 0x120n;
const PAGE_READONLY_EXEC = 0x25n;
const PAGE_READONLY = PAGE_READONLY_EXEC | (1n << 63n);

/** The page protection that Linux gives a private mapping of these flags: a write there is always a copy first. */
export function privatePageProt(flags: number): bigint {
  if ((flags & (VM.READ | VM.WRITE | VM.EXEC)) === 0) return PAGE_NONE;
  return (flags & VM.EXEC) === 0 ? PAGE_READONLY : PAGE_READONLY_EXEC;
}

const PROTECTIONS = [
  [PF.R, VM.READ],
  [PF.W, VM.WRITE],
  [PF.X, VM.EXEC],
] as const;

export const toVmFlags = (segmentFlags: number): number =>
  PROTECTIONS.reduce((flags, [pf, vm]) => ((segmentFlags & pf) === 0 ? flags : flags | vm), 0);

export const toSegmentFlags = (vmFlags: number): number =>
  PROTECTIONS.reduce((flags, [pf, vm]) => (Math.floor(vmFlags / vm) % 2 === 0 ? flags : flags | pf), 0);

const VM_MAY = VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;

/** What gdb leaves out of a core are unchanged mappings of code and constants; NT_FILE has no protection. */
const UNSAVED_PROTECTION = VM.READ | VM.EXEC;

/** A range that is in a segment, in a file mapping, or in both. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly segment?: LoadSegment | undefined;
  readonly mapping?: MappedFile | undefined;
}

/** Both lists laid over each other and cut wherever either begins or ends. */
function* pieces(segments: readonly LoadSegment[], mappings: readonly MappedFile[]): Generator<Piece> {
  let [s, m, start] = [0, 0, 0];
  for (;;) {
    while (s < segments.length && segments[s]!.end <= start) s++;
    while (m < mappings.length && mappings[m]!.end <= start) m++;
    const [segment, mapping] = [segments[s], mappings[m]];
    const first = Math.min(segment?.start ?? Infinity, mapping?.start ?? Infinity);
    if (first === Infinity) return;
    start = Math.max(start, first);
    const edges = [segment?.start, segment?.end, mapping?.start, mapping?.end];
    const end = Math.min(...edges.map((edge) => (edge !== undefined && edge > start ? edge : Infinity)));
    yield {
      start,
      end,
      segment: segment !== undefined && segment.start <= start ? segment : undefined,
      mapping: mapping !== undefined && mapping.start <= start ? mapping : undefined,
    };
    start = end;
  }
}

/**
 * The vmas of a core that says nothing of vmas: one for each segment, cut where a file mapping begins or ends, and one
 * for each file mapping that has no segment (gdb leaves out what was never written).
 * @param vdso address of the vdso, 0 when there is none
 * @param open the open file of a path; called once for each vma that maps it
 */
export function vmasOf(
  segments: readonly LoadSegment[],
  mappings: readonly MappedFile[],
  vdso: number,
  open: (path: string) => OpenFile,
): Vma[] {
  return [...pieces(segments, mappings)].map(({ start, end, segment, mapping }) => {
    const flags = VM_MAY | (segment === undefined ? UNSAVED_PROTECTION : toVmFlags(segment.flags));
    const vma = { start, end, flags, pageProt: privatePageProt(flags) };
    if (mapping !== undefined) {
      const pgoff = mapping.pgoff + (start - mapping.start) / PAGE_SIZE;
      return { ...vma, ops: 'file', pgoff, file: open(mapping.path) };
    }
    // The vdso is `special` only if its pages are not in the core: what is in the core must get into an image, and
    // the contents of a special mapping do not.
    if (start === vdso && segment?.filled === 0) return { ...vma, ops: 'special', pgoff: 0, name: '[vdso]' };
    return { ...vma, ops: 'none', pgoff: start / PAGE_SIZE };
  });
}

/**
 * Where the pages of the vmas stand in the core: runs that never cross from one vma into the next.
 * @throws EBADMSG a segment lies outside of the vmas, or the pages of one that has no contents are there
 */
export function storedPages(vmas: readonly Vma[], segments: readonly LoadSegment[]): StoredPages {
  const runs: number[] = [];
  let index = 0;
  for (const segment of segments) {
    for (let start = segment.start; start < segment.end; ) {
      while (index < vmas.length && vmas[index]!.end <= start) index++;
      const vma = vmas[index];
      if (vma === undefined || vma.start > start) throw strayMemory(segment, start);
      const end = Math.min(segment.end, vma.end);
      const filled = Math.min(end, segment.start + segment.filled) - start;
      if (filled > 0 && vma.ops === 'special') throw specialContents(segment, vma);
      if (filled > 0) addRun(runs, start, segment.position + (start - segment.start), filled, vma.start);
      start = end;
    }
  }
  return { runs: Float64Array.from(runs) };
}

/** Appends a run, or lengthens the last one when this one continues it within the vma that begins at `vmaStart`. */
function addRun(runs: number[], address: number, position: number, bytes: number, vmaStart: number): void {
  const last = runs.length - 3;
  const pages = bytes / PAGE_SIZE;
  const continues =
    last >= 0 &&
    address > vmaStart &&
    runs[last]! + runs[last + 2]! * PAGE_SIZE === address &&
    runs[last + 1]! + runs[last + 2]! * PAGE_SIZE === position;
  if (continues) runs[last + 2]! += pages;
  else runs.push(address, position, pages);
}

function strayMemory({ header }: LoadSegment, address: number): CkptError {
  return new CkptError(
    'EBADMSG',
    `the core has memory at 0x${address.toString(16)}, where its own list of vmas has none (byte ${header})`,
    { position: header },
  );
}

function specialContents({ header }: LoadSegment, vma: Vma): CkptError {
  return new CkptError(
    'EBADMSG',
    `the core has pages of ${vma.name ?? 'a special mapping'}, which cannot have contents (byte ${header})`,
    { position: header, vma: vmaRange(vma) },
  );
}
