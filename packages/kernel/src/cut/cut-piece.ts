import type { MmContext, MmLayout } from '@ckptree/model';
import type { TableDescription } from '../files/descriptors.js';
import type { MmSnapshot } from '../memory/address-space.js';
import type { FileObject } from '../memory/file-object.js';
import type { VmaList } from '../memory/vma-list.js';
import type { ProcessTableHandle } from '../process/process-table.js';

/** An address space at the cut, without what the main thread adds: files' states and the memory's arenas. */
export interface MmPiece extends MmSnapshot {
  readonly id: number;
  readonly users: number;
  readonly layout: MmLayout;
  readonly flags: bigint;
  readonly defFlags: bigint;
  readonly auxv: BigUint64Array;
  readonly context: MmContext;
  readonly exe: FileObject | undefined;
  readonly mapCount: number;
  readonly vmas: VmaList;
  readonly outstandingAio: number;
}

export interface TaskPiece {
  readonly slot: number;
  readonly registers: Uint8Array;
  readonly setChildTid: bigint;
  readonly clearChildTid: bigint;
  readonly robustList: bigint;
  readonly mm: number;
  readonly files: number;
}

/** What a cpu saw of a cut; it may come in several pieces. */
export interface CutPiece {
  readonly cut: number;
  readonly tasks: readonly TaskPiece[];
  readonly mms: readonly MmPiece[];
  readonly tables: readonly (TableDescription & { readonly id: number; readonly users: number })[];
  /** In one piece of each cut: copies of what all cpus share. */
  readonly scene?: CutScene;
  readonly last: boolean;
}

/** The tables that all tasks share, as they were while the tasks stood still. */
export interface CutScene {
  readonly table: ProcessTableHandle;
  /** Handle of OpenFiles. */
  readonly files: ArrayBufferLike;
}
