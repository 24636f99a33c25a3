import { PAGE_SIZE } from '@ckptree/model';

/** Where user space ends: TASK_SIZE_MAX of x86-64. */
export const TASK_SIZE = 0x7fff_ffff_f000;
/** Nothing is mapped below: vm.mmap_min_addr. */
export const MMAP_MIN_ADDRESS = 0x1_0000;
/** Where programs begin, as the x86-64 psABI has it. */
export const CODE_START = 0x40_0000;
export const DATA_START = 0x60_0000;

/** Where the stack ends. Linux draws it by lot from this region; here it is always the same, so that runs are. */
export const STACK_TOP = 0x7ffc_ffff_e000;
/** Bytes that a stack may grow to: RLIMIT_STACK. */
export const STACK_LIMIT = 8 * 2 ** 20;
/** Above the stack, behind a page that is left free. */
export const VDSO_START = STACK_TOP + PAGE_SIZE;
/** Mappings are placed from here downwards, leaving the stack its room: MIN_GAP, arch/x86/mm/mmap.c. */
export const MMAP_BASE = STACK_TOP - 128 * 2 ** 20;

/** Most vmas of an address space: vm.max_map_count. */
export const MAX_MAP_COUNT = 65_530;

export const pageFloor = (address: number): number => Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
export const pageCeil = (address: number): number => Math.ceil(address / PAGE_SIZE) * PAGE_SIZE;
