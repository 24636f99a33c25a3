import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import {
  EHDR,
  ELF_MAGIC,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_CORE,
  MAX_SEGMENTS,
  PHDR,
  PN_XNUM,
  PT_LOAD,
  PT_NOTE,
  SHDR,
  TASK_SIZE,
  VSYSCALL_ADDRESS,
} from './elf.js';
import { damaged, type ExactReader, toNumber } from './exact-reader.js';

/** Memory of the process (PT_LOAD): bytes `start` to `end`, of which the first `filled` stand in the file. */
export interface LoadSegment {
  readonly start: number;
  readonly end: number;
  /** Whole pages, in bytes. */
  readonly filled: number;
  /** Where they stand in the file. */
  readonly position: number;
  /** `PF` bits. */
  readonly flags: number;
  /** Byte position of its program header. */
  readonly header: number;
}

export interface NoteSegment {
  readonly position: number;
  readonly length: number;
  /** Notes begin at multiples of this. */
  readonly align: number;
}

export interface Segments {
  /** Ascending, not overlapping. */
  readonly loads: readonly LoadSegment[];
  readonly notes: readonly NoteSegment[];
}

type ProgramHeader = ReturnType<typeof PHDR.decode>;

/**
 * The memory and the notes of a core file, from its headers.
 * @throws ENOEXEC it is no ELF core; ENOSYS of another machine; EBADMSG damaged; E2BIG too many segments
 */
export async function readSegments(core: ExactReader): Promise<Segments> {
  const table = await readHeader(core);
  const loads: LoadSegment[] = [];
  const notes: NoteSegment[] = [];
  for await (const [position, header] of programHeaders(core, table)) {
    if (header.type === PT_NOTE) notes.push(noteSegment(header, position));
    if (header.type !== PT_LOAD || header.memsz === 0n || header.vaddr === VSYSCALL_ADDRESS) continue;
    loads.push(loadSegment(header, position));
  }
  loads.sort((a, b) => a.start - b.start);
  refuseOverlaps(loads);
  await requireContents(core, loads);
  return { loads, notes };
}

interface HeaderTable {
  readonly position: number;
  readonly count: number;
}

async function readHeader(core: ExactReader): Promise<HeaderTable> {
  const bytes = await core.readUpTo(0, EHDR.size);
  const magic = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (magic !== ELF_MAGIC)
    throw new CkptError('ENOEXEC', 'the file is no ELF file: it does not begin with 0x7f ELF', {
      position: 0,
    });
  if (bytes.length < EHDR.size) throw damaged(bytes.length, 'the core file ends within its ELF header');
  const header = EHDR.decode(bytes);
  refuseForeign(header);
  if (header.phentsize !== PHDR.size)
    throw damaged(54, `a program header is said to have ${header.phentsize} bytes, not ${PHDR.size}`);
  const position = toNumber(header.phoff, 32, 'the position of the program headers');
  const count = header.phnum === PN_XNUM ? await extendedCount(core, header.shoff) : header.phnum;
  if (count === 0) throw damaged(56, 'the core file has no program headers, so nothing is in it');
  if (count > MAX_SEGMENTS)
    throw new CkptError('E2BIG', `the core file has ${count} segments; at most ${MAX_SEGMENTS} are read`, {
      position: 56,
    });
  return { position, count };
}

function refuseForeign(header: ReturnType<typeof EHDR.decode>): void {
  const refuse = (code: 'ENOSYS' | 'ENOEXEC', position: number, what: string) => {
    throw new CkptError(code, `${what}; only cores of x86-64 Linux processes are read`, { position });
  };
  if (header.class !== ELFCLASS64) refuse('ENOSYS', 4, 'the ELF file is not of the 64-bit class');
  if (header.data !== ELFDATA2LSB) refuse('ENOSYS', 5, 'the ELF file is not little-endian');
  if (header.type !== ET_CORE) refuse('ENOEXEC', 16, `the ELF file is no core (its type is ${header.type})`);
  if (header.machine !== EM_X86_64) refuse('ENOSYS', 18, `the core is of machine ${header.machine}`);
}

/** More segments than `e_phnum` can say: their number is in section header 0. */
async function extendedCount(core: ExactReader, shoff: bigint): Promise<number> {
  const position = toNumber(shoff, 40, 'the position of the section headers');
  return SHDR.decode(await core.read(position, SHDR.size, 'the first section header')).info;
}

const HEADERS_A_READ = 4096;

async function* programHeaders(
  core: ExactReader,
  { position, count }: HeaderTable,
): AsyncGenerator<[position: number, header: ProgramHeader]> {
  await core.require(position, count * PHDR.size, `its ${count} program headers`);
  for (let first = 0; first < count; first += HEADERS_A_READ) {
    const length = Math.min(HEADERS_A_READ, count - first) * PHDR.size;
    const start = position + first * PHDR.size;
    const bytes = await core.read(start, length, 'its program headers');
    for (let offset = 0; offset < length; offset += PHDR.size)
      yield [start + offset, PHDR.decode(bytes, offset)];
  }
}

function noteSegment({ offset, filesz, align }: ProgramHeader, header: number): NoteSegment {
  return {
    position: toNumber(offset, header + 8, 'the position of a note segment'),
    length: toNumber(filesz, header + 32, 'the length of a note segment'),
    // Core notes are aligned to 4 whatever the segment says (gdb says 1, kernels 0 or 4); only 8 means 8.
    align: align === 8n ? 8 : 4,
  };
}

function loadSegment({ flags, offset, vaddr, filesz, memsz }: ProgramHeader, header: number): LoadSegment {
  const page = BigInt(PAGE_SIZE);
  if (vaddr % page !== 0n || memsz % page !== 0n || filesz % page !== 0n)
    throw damaged(header, `the segment at 0x${vaddr.toString(16)} does not consist of whole 4 KiB pages`);
  if (filesz > memsz)
    throw damaged(
      header + 32,
      `the segment at 0x${vaddr.toString(16)} has more bytes in the file than in memory`,
    );
  if (vaddr + memsz > BigInt(TASK_SIZE))
    throw damaged(header + 16, `the segment at 0x${vaddr.toString(16)} reaches beyond user space (2^47)`);
  return {
    start: Number(vaddr),
    end: Number(vaddr + memsz),
    filled: Number(filesz),
    position: toNumber(offset, header + 8, 'the position of a segment'),
    flags,
    header,
  };
}

function refuseOverlaps(loads: readonly LoadSegment[]): void {
  for (let index = 1; index < loads.length; index++) {
    const [before, after] = [loads[index - 1]!, loads[index]!];
    if (after.start < before.end)
      throw damaged(
        after.header,
        `the segment at 0x${after.start.toString(16)} overlaps the one at 0x${before.start.toString(16)}`,
      );
  }
}

/** Holds that the file has every page that the segments promise, and none twice. */
async function requireContents(core: ExactReader, loads: readonly LoadSegment[]): Promise<void> {
  let total = 0;
  let last: LoadSegment | undefined;
  for (const load of loads) {
    if (load.filled === 0) continue;
    total += load.filled;
    if (last === undefined || load.position + load.filled > last.position + last.filled) last = load;
  }
  if (last === undefined) return;
  await core.require(last.position, last.filled, `the segment at 0x${last.start.toString(16)}`);
  // Without this a small file could claim petabytes, all in the same place.
  if (total > last.position + last.filled)
    throw damaged(
      last.header,
      `the segments claim ${total} bytes of memory, more than the file has: some share their place`,
    );
}
