import type { ErrorData } from '@ckptree/errors';
import type { PackedPiece } from '../cut/packed-piece.js';
import type { TableDescription } from '../files/descriptors.js';
import type { AddressSpaceDescription } from '../memory/address-space.js';

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
  | ({ readonly type: 'piece' } & PackedPiece);
