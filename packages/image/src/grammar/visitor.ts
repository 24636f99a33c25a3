import type { pids } from '../records/task.js';
import type { RecordValues } from '../records.js';

/** The head of an image, decoded. */
export interface DecodedHead {
  readonly header: RecordValues<'HEADER'>;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly arch: RecordValues<'HEADER_ARCH'>;
  /** Name of the security module. */
  readonly lsm: string;
}

export type Pids = ReturnType<typeof pids.read>;

/**
 * Is told what an image holds, in the order of the image. Where the image breaks a rule, what is told may be
 * wrong or incomplete; a strict reader has stopped by then.
 */
export interface ImageVisitor {
  head(head: DecodedHead): void;
  pids(pids: Pids): void;
  task(task: RecordValues<'TASK'>, comm: string): void;
  thread(thread: RecordValues<'THREAD'>): void;
  restartBlock(block: RecordValues<'RESTART_BLOCK'>): void;
  /** @param registers in the window of the reader: to be copied */
  cpu(registers: Uint8Array): void;
  fileTable(objref: number): void;
  fileDesc(descriptor: RecordValues<'FILE_DESC'>): void;
  file(objref: number, file: RecordValues<'FILE'>, path: string): void;
  /** @param auxv in the window of the reader: to be copied */
  mm(objref: number, mm: RecordValues<'MM'>, auxv: DataView): void;
  vma(vma: RecordValues<'VMA'>): void;
  /**
   * Pages of the vma that was told last, at consecutive addresses.
   * @param address  of the first one
   * @param position of the first one's contents in the image, in bytes; the others follow
   */
  pages(address: number, pages: number, position: number): void;
  /** @param ldt in the window of the reader: to be copied */
  mmContext(context: RecordValues<'MM_CONTEXT'>, ldt: Uint8Array): void;
  taskObjs(objrefs: RecordValues<'TASK_OBJS'>): void;
}
