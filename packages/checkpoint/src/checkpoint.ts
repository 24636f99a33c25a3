import { release, version } from 'node:os';
import { performance } from 'node:perf_hooks';
import { asCkptError, CkptError } from '@ckptree/errors';
import { type ImageHead, KERNEL_CONSTANTS } from '@ckptree/image';
import type { Cut, CutOptions, CutTiming, SnapshotSource } from '@ckptree/model';
import { cancelled } from './cancel.js';
import { checkContained, collect } from './collect.js';
import type { Debug } from './debug.js';
import { type DumpProgress, dumpParallel } from './dump-parallel.js';
import { DumpPool } from './dump-pool.js';
import { newObjectHash } from './objects.js';
import { OutputFile } from './output-file.js';
import type { Plan, PlanFigures } from './plan.js';
import { planCheckpoint } from './plan-checkpoint.js';

export interface CheckpointOptions extends CutOptions {
  /** Path of the image. A file of this name is replaced, and only by a whole image. */
  readonly output: string;
  /** The tree is a container: fail when something in it is used from outside. Otherwise a subtree, which may share. */
  readonly container?: boolean;
  /** Threads to dump with, which stay the caller's; without it a pool is made for this checkpoint. */
  readonly pool?: DumpPool;
  /** Threads of that pool; as many as there are cores unless said. */
  readonly threads?: number;
  /** What the image says of the system and the time; said, the same cut gives the same bytes. */
  readonly uts?: ImageHead['uts'];
  readonly time?: bigint;
  readonly onProgress?: (progress: DumpProgress) => void;
  readonly signal?: AbortSignal;
  readonly debug?: Debug;
}

export interface CheckpointTiming extends CutTiming {
  /** Collecting the objects and planning the image, in milliseconds. */
  readonly planMs: number;
  /** Writing the image. */
  readonly dumpMs: number;
  /** Making it durable: fsync of file and folder, rename. */
  readonly syncMs: number;
}

export interface CheckpointResult extends PlanFigures {
  /** Where the image is: symbolic links resolved. */
  readonly path: string;
  readonly bytes: number;
  readonly timing: CheckpointTiming;
  /** Lets the tasks run on when `leaveFrozen` was asked for. */
  thaw(): Promise<void>;
}

/**
 * Takes a checkpoint of a task and all below it into a file. The tasks stand still only until their memory is
 * snapshotted; the image is planned and written while they run on.
 *
 * When it returns, the image is complete and durable (fsync of file and folder), readable by its owner alone. When it
 * throws, the tasks run, the snapshot is given back, and there is no new file.
 * @throws ENOSYS something in the tree cannot be saved; EBUSY something is under way, or (container) shared with tasks
 *         outside; ESRCH no such task; ETIMEDOUT the tasks did not stop in time; EINTR the signal was raised; EPIPE a
 *         thread died; ENOSPC, EPERM, ENOENT, EIO, ... from the file system
 */
export async function checkpoint(
  source: SnapshotSource,
  rootPid: number,
  options: CheckpointOptions,
): Promise<CheckpointResult> {
  checkSignal(options.signal);
  const ownPool = options.pool === undefined;
  const pool = options.pool ?? new DumpPool(options);
  try {
    // Before the tasks are frozen: what is wrong with the file or the threads costs them nothing.
    const file = await OutputFile.create(options.output);
    try {
      if (ownPool) await pool.warmUp();
      return await cutAndDump(source, rootPid, options, pool, file);
    } catch (error) {
      await file.discard();
      throw error;
    }
  } finally {
    if (ownPool) await pool.close();
  }
}

async function cutAndDump(
  source: SnapshotSource,
  rootPid: number,
  options: CheckpointOptions,
  pool: DumpPool,
  file: OutputFile,
): Promise<CheckpointResult> {
  const cut = await source.cut(rootPid, options);
  try {
    const { plan, planMs, dumpMs } = await dumpCut(cut, options, pool, file);
    const start = performance.now();
    await file.commit();
    const timing = { ...cut.timing, planMs, dumpMs, syncMs: performance.now() - start };
    return { path: file.path, bytes: plan.size, ...plan.figures, timing, thaw: () => cut.thaw() };
  } catch (error) {
    if (options.leaveFrozen === true) await thawAfter(error, cut);
    throw error;
  } finally {
    cut.release();
  }
}

/**
 * Writes the image of a cut. The snapshots are given back as soon as it is written: while they are held, each page
 * that a task writes costs a copy.
 */
async function dumpCut(
  cut: Cut,
  options: CheckpointOptions,
  pool: DumpPool,
  file: OutputFile,
): Promise<{ readonly plan: Plan; readonly planMs: number; readonly dumpMs: number }> {
  const { container = false, debug = {}, signal, onProgress } = options;
  const hash = newObjectHash((mm) => cut.releaseMm(mm));
  try {
    checkSignal(signal);
    const start = performance.now();
    collect(cut.tree, hash, debug);
    if (container) checkContained(hash);
    const plan = planCheckpoint(cut.tree, hash, { head: headOf(options), debug });
    const planned = performance.now();
    await dumpParallel(plan, file, pool, {
      ...options,
      onProgress(progress) {
        file.beginWriteback(progress.bytes);
        onProgress?.(progress);
      },
    });
    return { plan, planMs: planned - start, dumpMs: performance.now() - planned };
  } finally {
    hash.clear();
  }
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal.reason);
}

function headOf({ uts, time, container }: CheckpointOptions): ImageHead {
  return {
    uts: uts ?? { release: fitUts(release()), version: fitUts(version()), machine: MACHINE },
    time: time ?? BigInt(Math.floor(Date.now() / 1000)),
    subtree: container !== true,
  };
}

/** The records of the image are those of this architecture, whichever machine writes it. */
const MACHINE = 'x86_64';

const fitUts = (text: string): string => text.slice(0, KERNEL_CONSTANTS.uts_release_len - 1);

/** A failed checkpoint leaves the tree running, also where the tasks were to be left frozen. */
async function thawAfter(failure: unknown, cut: Cut): Promise<void> {
  try {
    await cut.thaw();
  } catch (error) {
    const { code, message, fields } = asCkptError(failure);
    const why = asCkptError(error).message;
    throw new CkptError(code, `${message}; and the tasks are still frozen: ${why}`, fields, failure);
  }
}
