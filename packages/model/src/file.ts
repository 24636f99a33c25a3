/** An open file: what descriptors, mappings and executables refer to. Several may refer to the same one. */
export interface OpenFile {
  /** Same number, same open file, within one source of tasks. */
  readonly id: number;
  /** Same key, same open file, in all sources that host parts of one tree; absent when it is in this one only. */
  readonly key?: string;
  /** References to it in its source at the cut: descriptors, mapped vmas, executables; those of strangers too. */
  readonly users: number;
  readonly path: string;
  /** `FMODE` bits. */
  readonly mode: number;
  /** `O_` flags as given to open (Linux x86-64). */
  readonly flags: number;
  /** Position in bytes. */
  readonly pos: number;
  /** Changes when the content does; 0 means that nothing is known about the content. */
  readonly version: bigint;
}

/** Modes of an open file: Linux 2.6.33, include/linux/fs.h. */
export const FMODE = { READ: 0x1, WRITE: 0x2, LSEEK: 0x4, PREAD: 0x8, PWRITE: 0x10, EXEC: 0x20 } as const;

export interface FileDescriptor {
  readonly fd: number;
  readonly closeOnExec: boolean;
  readonly file: OpenFile;
}

/** A descriptor table, perhaps shared by several tasks. */
export interface FileTable {
  readonly id: number;
  /** As that of an open file. */
  readonly key?: string;
  /** Tasks that use it. */
  readonly users: number;
  /** Ascending by fd. */
  readonly descriptors: readonly FileDescriptor[];
}
