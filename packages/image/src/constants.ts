import { VM } from '@ckptree/model';

/**
 * The numbers of the Linux-CR image format as pinned by version v19-rc3 (CHECKPOINT_VERSION 5, February 2010;
 * include/linux/checkpoint_hdr.h of that series). Record numbers moved between versions of the series, so these
 * hold for this one only.
 */

/** `type` of each record. */
export const RECORD_TYPE = {
  HEADER: 1,
  HEADER_ARCH: 2,
  CONTAINER: 3,
  BUFFER: 4,
  STRING: 5,
  OBJREF: 6,
  LSM_INFO: 7,
  SECURITY: 8,
  TREE: 101,
  TASK: 102,
  TASK_NS: 103,
  TASK_OBJS: 104,
  RESTART_BLOCK: 105,
  THREAD: 106,
  CPU: 107,
  CPU_FPU: 201,
  MM_CONTEXT_LDT: 202,
  FILE_TABLE: 301,
  FILE_DESC: 302,
  FILE_NAME: 303,
  FILE: 304,
  MM: 401,
  VMA: 402,
  PGARR: 403,
  MM_CONTEXT: 404,
  TAIL: 9001,
  ERROR: 9999,
} as const;

export type RecordTypeName = keyof typeof RECORD_TYPE;

/** `objtype` of an OBJREF record. */
export const OBJECT_TYPE = {
  INODE: 1,
  FILE_TABLE: 2,
  FILE: 3,
  MM: 4,
  FS: 5,
  SIGHAND: 6,
  SIGNAL: 7,
} as const;

export type ObjectTypeName = keyof typeof OBJECT_TYPE;

/** `vma_type` of a VMA record. */
export const VMA_TYPE = {
  IGNORE: 0,
  VDSO: 1,
  ANON: 2,
  FILE: 3,
  SHM_ANON: 4,
  SHM_ANON_SKIP: 5,
  SHM_FILE: 6,
} as const;

/** Flags of vmas that a checkpoint refuses, so that no image has them: CKPT_VMA_NOT_SUPPORTED of the series. */
export const VMA_NOT_SUPPORTED =
  VM.SHARED |
  VM.MAYSHARE |
  VM.IO |
  VM.HUGETLB |
  VM.NONLINEAR |
  VM.PFNMAP |
  VM.RESERVED |
  VM.NORESERVE |
  VM.MAPPED_COPY |
  VM.INSERTPAGE |
  VM.MIXEDMAP |
  VM.SAO;

/** `f_type` of a FILE record. */
export const FILE_TYPE = {
  IGNORE: 0,
  GENERIC: 1,
  PIPE: 2,
  FIFO: 3,
  SOCKET: 4,
  TTY: 5,
  EPOLL: 6,
  EVENTFD: 7,
} as const;

/** `arch_id` of the header. */
export const ARCH = { X86_32: 1, X86_64: 2, S390X: 3 } as const;

/** `uflags` of the header: bits. */
export const IMAGE_FLAG = { SUBTREE: 0x1n } as const;

/** `function_type` of a restart block: no interrupted system call waits to be restarted. */
export const RESTART_BLOCK_NONE = 1n;

export const HEAD_MAGIC = 0x00fe_ed0c_c0a2_d200n;
export const TAIL_MAGIC = 0x002d_2a0c_c0de_ef00n;

/** The kernel that the format belongs to, and the revision of the format. */
export const VERSION = { major: 2, minor: 6, patch: 33, rev: 5 } as const;

/**
 * Sizes that a kernel is built with, as Linux 2.6.33 on x86-64 has them. The image carries them so that a kernel
 * that was built with others refuses it.
 */
export const KERNEL_CONSTANTS = {
  task_comm_len: 16,
  at_vector_size: 44,
  signal_nsig: 64,
  uts_sysname_len: 65,
  uts_nodename_len: 65,
  uts_release_len: 65,
  uts_version_len: 65,
  uts_machine_len: 65,
  uts_domainname_len: 65,
  rlimit_nlimits: 16,
  n_tty_buf_size: 4096,
  tty_termios_ncc: 8,
} as const;

/** Bytes of the buffer with the security module's name: CHECKPOINT_LSM_NAME_MAX + 1. */
export const LSM_NAME_LEN = 11;
/** The name when there is no security module. */
export const LSM_NONE = 'lsm_none';

/** Bytes of `type` and `len` before every record. */
export const RECORD_HEADER_SIZE = 8;

/** Longest path, its final NUL included: PATH_MAX. */
export const PATH_MAX = 4096;

/** Entries of one page array: a page of 8-byte addresses. */
export const PGARR_ENTRIES = 512;
/** Most pages in one batch: 16 page arrays. */
export const BATCH_PAGES = 16 * PGARR_ENTRIES;
/** Bytes of one address in a batch. */
export const ADDRESS_SIZE = 8;

/** Behind the last byte of user space on x86-64. */
export const USER_SPACE_END = 2 ** 47;

/** Most tasks that there can be: PID_MAX_LIMIT of a 64-bit kernel. */
export const PID_MAX_LIMIT = 2 ** 22;

/** Most entries of a local descriptor table (x86). */
export const LDT_ENTRIES = 8192;
