import type { Sys } from '../program.js';

export type OpenFlags = Parameters<Sys['open']>[1];

/** A task as it is to be started. */
export interface SpawnTask {
  readonly pid: number;
  /** 0 for the root. */
  readonly ppid: number;
  readonly comm: string;
  readonly program: string;
  /** Valid, with defaults, paths absolute; copies of a task have the same object. */
  readonly params: Readonly<Record<string, unknown>>;
  /** `file` is an index into the tree's files. */
  readonly open: readonly { readonly fd: number; readonly file: number }[];
  /** Shared with the parent: the address space, the descriptor table. */
  readonly shareMm: boolean;
  readonly shareFiles: boolean;
  /** Leads a session, or at least a process group, of its own. */
  readonly session: boolean;
  readonly group: boolean;
}

/** What the kernel is asked to start: plain data that any thread can be sent. */
export interface SpawnTree {
  /** Depth-first; the root is first. */
  readonly tasks: readonly SpawnTask[];
  /** Each is opened once, however many descriptors there are for it. Paths are absolute. */
  readonly files: readonly { readonly path: string; readonly flags: OpenFlags }[];
}
