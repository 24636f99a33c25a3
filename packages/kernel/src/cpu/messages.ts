import type { ErrorData } from '@ckptree/errors';
import type { MmContext, MmLayout } from '@ckptree/model';
import type { Descriptor } from '../files/descriptors.js';
import type { AddressSpaceDescription, MmSnapshot } from '../memory/address-space.js';
import type { FileObject } from '../memory/file-object.js';
import type { VmaList } from '../memory/vma-list.js';
import type { ProcessTableHandle } from '../process/process-table.js';

/** The messages between the main thread and the cpus, and among the cpus: one union for each direction. */

/** A task that begins with a program. */
export interface SpawnedTask {
  readonly slot: number;
  readonly program: string;
  readonly params: unknown;
  /** The task of the same message whose address space, or descriptor table, it shares. */
  readonly mmOf?: number;
  readonly filesOf?: number;
  /** The descriptor table that it begins with, unless it shares one. */
  readonly table: TableDescription;
}

/** A descriptor table as it travels: open files ascending by fd; one reference each comes along. */
export interface TableDescription {
  readonly key?: string;
  readonly list: readonly Descriptor[];
}

/** A task that goes on: restarted, or placed on another cpu by its parent. References come along. */
export interface AdoptedTask {
  readonly slot: number;
  readonly registers: Uint8Array;
  readonly setChildTid: bigint;
  readonly clearChildTid: bigint;
  readonly robustList: bigint;
  /** Positions in the lists of the message. */
  readonly mm: number;
  readonly files: number;
}

export interface Adoption {
  readonly tasks: readonly AdoptedTask[];
  readonly mms: readonly AddressSpaceDescription[];
  readonly tables: readonly TableDescription[];
}

export type ToCpu =
  | { readonly type: 'spawn'; readonly request: number; readonly tasks: readonly SpawnedTask[] }
  | ({ readonly type: 'adopt'; readonly request: number } & Adoption)
  | ({ readonly type: 'migrate' } & Adoption)
  /** Freeze the task with this pid when it has executed so many ticks. */
  | { readonly type: 'stopAt'; readonly request: number; readonly pid: number; readonly tick: number };

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
  readonly type: 'piece';
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

/** How a task ended. */
export interface TaskExit {
  readonly pid: number;
  /** The root of its tree, which may be in another kernel. */
  readonly rootPid: number;
  readonly comm: string;
  /** As wait() tells it: exit code << 8, or the signal that killed it. */
  readonly status: number;
  /** 128 bits, hexadecimal. */
  readonly digest: string;
  readonly ticks: number;
  /** The how manieth end of a task it was in this kernel, from 1: cpus tell of their tasks' ends in batches. */
  readonly order: number;
  /** Why, when the task did not end by its own will. */
  readonly error?: ErrorData;
}

export type FromCpu =
  | { readonly type: 'answer'; readonly request: number; readonly error?: ErrorData }
  | { readonly type: 'exited'; readonly exits: readonly TaskExit[] }
  | { readonly type: 'stopped'; readonly request: number; readonly pid: number; readonly tick: number }
  | CutPiece;
