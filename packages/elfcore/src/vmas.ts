import { type OpenFile, PAGE_SIZE, VM, type Vma } from '@ckptree/model';
import type { MappedFile } from './mapped-files.js';
import { privatePageProt, toVmFlags } from './protection.js';
import type { LoadSegment } from './read-segments.js';

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
