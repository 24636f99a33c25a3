import { RECORD_HEADER_SIZE } from '../constants.js';
import { padding, s32, struct, u32, u64 } from '../fields.js';
import { record } from './definition.js';

/**
 * An address space.
 *
 *     mm       = OBJREF(MM) [file] MM BUFFER(auxv) { [file] VMA [contents] } MM_CONTEXT MM_CONTEXT_LDT
 *     contents = { PGARR(n > 0) BUFFER(n addresses, n pages) } PGARR(0)          for ANON and FILE vmas
 *
 * The first `file` is the executable, the others back a vma; each is written where it is first met. There are
 * `map_count` vmas. A batch of n pages is the page addresses (u64 each, ascending), then the pages in that order:
 * `8 + n x (8 + 4096)` bytes of BUFFER. MM_CONTEXT_LDT holds `nldt` entries of `ldt_entry_size` bytes.
 */
export const MM = record('MM', {
  map_count: u32,
  exe_objref: s32,
  def_flags: u64,
  flags: u64,
  start_code: u64,
  end_code: u64,
  start_data: u64,
  end_data: u64,
  start_brk: u64,
  brk: u64,
  start_stack: u64,
  arg_start: u64,
  arg_end: u64,
  env_start: u64,
  env_end: u64,
});

const range = {
  vm_start: u64,
  vm_end: u64,
  vm_page_prot: u64,
  vm_flags: u64,
  vm_pgoff: u64,
} as const;

export const VMA = record('VMA', {
  vma_type: u32,
  vma_objref: s32,
  ino_objref: s32,
  padding: padding(4),
  ino_size: u64,
  ...range,
});

/** The body of a VMA record before shared memory came to the series. Read, never written. */
export const shortVma = struct({ vma_type: u32, vma_objref: s32, ...range });

/** Bytes of that record. */
export const SHORT_VMA_SIZE = RECORD_HEADER_SIZE + shortVma.size;

export const PGARR = record('PGARR', { nr_pages: u64 });

export const MM_CONTEXT = record('MM_CONTEXT', { vdso: u64, ldt_entry_size: u32, nldt: u32 });
