import { struct } from './struct.js';

/**
 * The parts of the ELF format that a core file uses: an ELF header, a table of program headers (one a segment),
 * and, when there are more segments than 16 bits can count, one section header that holds their number.
 * Numbers: System V ABI, gABI 4.1 and the x86-64 supplement; Linux include/uapi/linux/elf.h.
 */

/** `\x7fELF`, read as a little-endian word. */
export const ELF_MAGIC = 0x464c457f;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const EV_CURRENT = 1;
export const ET_CORE = 4;
export const EM_X86_64 = 62;
/** `e_phnum` says this when the true number stands in `sh_info` of section header 0. */
export const PN_XNUM = 0xffff;

export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const PF = { X: 1, W: 2, R: 4 } as const;

export const EHDR = struct(64, {
  magic: [0, 'u32'],
  class: [4, 'u8'],
  data: [5, 'u8'],
  identVersion: [6, 'u8'],
  osabi: [7, 'u8'],
  type: [16, 'u16'],
  machine: [18, 'u16'],
  version: [20, 'u32'],
  entry: [24, 'u64'],
  phoff: [32, 'u64'],
  shoff: [40, 'u64'],
  flags: [48, 'u32'],
  ehsize: [52, 'u16'],
  phentsize: [54, 'u16'],
  phnum: [56, 'u16'],
  shentsize: [58, 'u16'],
  shnum: [60, 'u16'],
  shstrndx: [62, 'u16'],
});

export const PHDR = struct(56, {
  type: [0, 'u32'],
  flags: [4, 'u32'],
  offset: [8, 'u64'],
  vaddr: [16, 'u64'],
  paddr: [24, 'u64'],
  filesz: [32, 'u64'],
  memsz: [40, 'u64'],
  align: [48, 'u64'],
});

export const SHDR = struct(64, {
  name: [0, 'u32'],
  type: [4, 'u32'],
  flags: [8, 'u64'],
  addr: [16, 'u64'],
  offset: [24, 'u64'],
  size: [32, 'u64'],
  link: [40, 'u32'],
  info: [44, 'u32'],
  addralign: [48, 'u64'],
  entsize: [56, 'u64'],
});

/** In front of each note: the lengths of its owner's name (with NUL) and of its descriptor, and its type. */
export const NHDR = struct(12, { namesz: [0, 'u32'], descsz: [4, 'u32'], type: [8, 'u32'] });

/** Notes that the kernel and gdb write under the owner `CORE`. */
export const NT = { PRSTATUS: 1, PRPSINFO: 3, AUXV: 6, FILE: 0x46494c45 } as const;

/** More segments or notes than this are refused: a sparse file costs nothing, a table of it does. */
export const MAX_SEGMENTS = 1 << 22;
export const MAX_NOTES = 1 << 18;
/** Bytes of one note that is read; the kernel itself stops at 16 MiB (`core_file_note_size_limit`). */
export const MAX_NOTE_BYTES = 1 << 26;

/** First byte behind user space on x86-64 with four-level page tables. */
export const TASK_SIZE = 2 ** 47;
/** The vsyscall page: the kernel's, at the same address in every process, part of no address space. */
export const VSYSCALL_ADDRESS = 0xffff_ffff_ff60_0000n;
