import { type ByteSink, type Mm, PAGE_SIZE, type StoredPages } from '@ckptree/model';
import {
  EHDR,
  ELF_MAGIC,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_CORE,
  EV_CURRENT,
  PHDR,
  PN_XNUM,
  PT_LOAD,
  PT_NOTE,
  SHDR,
} from './elf.js';
import { planLoads } from './plan-loads.js';
import { toSegmentFlags } from './protection.js';

/**
 * Where the parts of a core go, as byte positions: the ELF header, program headers, a section header when it takes
 * one to count the segments, notes, and from the next page on the contents.
 */
export interface CoreExtent {
  readonly segments: number;
  /** There are too many segments for `e_phnum`. */
  readonly extended: boolean;
  readonly section: number;
  readonly notes: number;
  readonly notesLength: number;
  readonly contents: number;
}

export function layOut(segments: number, notesLength: number): CoreExtent {
  const extended = segments >= PN_XNUM;
  const section = EHDR.size + segments * PHDR.size;
  const notes = section + (extended ? SHDR.size : 0);
  const contents = Math.ceil((notes + notesLength) / PAGE_SIZE) * PAGE_SIZE;
  return { segments, extended, section, notes, notesLength, contents };
}

/** Everything in front of the notes. */
export async function writeHeaders(mm: Mm<StoredPages>, extent: CoreExtent, sink: ByteSink): Promise<void> {
  await sink.write(elfHeader(extent));
  let batch: Uint8Array[] = [];
  for (const header of programHeaders(mm, extent)) {
    batch.push(header);
    if (batch.length < HEADERS_A_WRITE) continue;
    await sink.write(Buffer.concat(batch));
    batch = [];
  }
  if (extent.extended) batch.push(SHDR.encode({ size: 1n, info: extent.segments }));
  await sink.write(Buffer.concat(batch));
}

const HEADERS_A_WRITE = 4096;

function elfHeader({ segments, extended, section }: CoreExtent): Uint8Array {
  return EHDR.encode({
    magic: ELF_MAGIC,
    class: ELFCLASS64,
    data: ELFDATA2LSB,
    identVersion: EV_CURRENT,
    type: ET_CORE,
    machine: EM_X86_64,
    version: EV_CURRENT,
    phoff: BigInt(EHDR.size),
    ehsize: EHDR.size,
    phentsize: PHDR.size,
    phnum: extended ? PN_XNUM : segments,
    ...(extended && { shoff: BigInt(section), shentsize: SHDR.size, shnum: 1 }),
  });
}

function* programHeaders(mm: Mm<StoredPages>, extent: CoreExtent): Generator<Uint8Array> {
  const { notes, notesLength, contents } = extent;
  yield PHDR.encode({ type: PT_NOTE, offset: BigInt(notes), filesz: BigInt(notesLength), align: 4n });
  let offset = contents;
  for (const { start, end, filled, vma } of planLoads(mm)) {
    yield PHDR.encode({
      type: PT_LOAD,
      flags: toSegmentFlags(vma.flags),
      offset: BigInt(offset),
      vaddr: BigInt(start),
      filesz: BigInt(filled),
      memsz: BigInt(end - start),
      align: BigInt(PAGE_SIZE),
    });
    offset += filled;
  }
}
