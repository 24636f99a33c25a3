import type { Mm } from './mm.js';
import type { TaskTree } from './task.js';

export interface CutOptions {
  /** Leave the tasks frozen until `thaw()`; otherwise they run on as soon as the snapshot is taken. */
  readonly leaveFrozen?: boolean;
  /** After so long without all tasks at a safe point the cut is given up, the tasks run on, and ETIMEDOUT is thrown. */
  readonly timeoutMs?: number;
  /** Gives up a cut whose memory is still on its way, from an image that tasks were restarted from lazily: EINTR. */
  readonly signal?: AbortSignal;
}

/** How long the tasks stood still, in microseconds. */
export interface CutTiming {
  /** From when the first task was told to stand still until the last had reached a safe point. */
  readonly freezeUs: number;
  /** From there until the last snapshot was taken. */
  readonly snapshotUs: number;
  /**
   * From when the first task was told to stand still until all ran again: the longest that any of them did. Absent when they
   * were left frozen.
   */
  readonly downtimeUs?: number;
}

/** A consistent copy-on-write snapshot of a tree: all of its tasks stood still at one instant. */
export interface Cut {
  readonly tree: TaskTree;
  readonly timing: CutTiming;
  /** Lets tasks that were left frozen run on. Does nothing when they run already. */
  thaw(): Promise<void>;
  /** Gives back the snapshot of one address space; its `memory` must not be read again. */
  releaseMm(mm: Mm): void;
  /** Gives back every snapshot that is left. */
  release(): void;
}

/** Where task trees come from. The simulated kernel is one; a checkpoint sees tasks through this alone. */
export interface SnapshotSource {
  /**
   * Freezes the subtree of a task, snapshots it, and thaws it. Of a thread, the subtree is that of its group's leader.
   * @throws ESRCH no such task; EBUSY another cut of an overlapping tree is under way; ETIMEDOUT see `timeoutMs`
   */
  cut(rootPid: number, options?: CutOptions): Promise<Cut>;
}
