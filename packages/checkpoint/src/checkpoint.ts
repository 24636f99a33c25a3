import { release, version } from 'node:os';
import { performance } from 'node:perf_hooks';
import { asCkptError, CkptError } from '@ckptree/errors';
import { type ImageHead, KERNEL_CONSTANTS } from '@ckptree/image';
import type { Cut, CutOptions, CutTiming, SnapshotSource } from '@ckptree/model';
import { cancelled } from './cancel.js';
import { checkContained, collect } from './collect.js';
import type { Debug } from './debug.js';
import type { DumpProgress } from './dump-parallel.js';
import { DumpPool } from './dump-pool.js';
import { fileSink } from './file-sink.js';
import type { ImageSink, ImageWriter } from './image-sink.js';
import { newObjectHash } from './objects.js';
import type { Plan, PlanFigures } from './plan.js';
import { planCheckpoint } from './plan-checkpoint.js';

export interface SaveOptions extends CutOptions {
  /** The tree is a container: fail when something in it is used from outside. Otherwise a subtree, which may share. */
  readonly container?: boolean;
  /** What the image says of the system and the time; said, the same cut gives the same bytes. */
  readonly uts?: ImageHead['uts'];
  readonly time?: bigint;
  readonly onProgress?: (progress: DumpProgress) => void;
  /** Gives the checkpoint up. */
  readonly signal?: AbortSignal;
  readonly debug?: Debug;
}

export interface CheckpointOptions extends SaveOptions {
  /** Path of the image. A file of this name is replaced, and only by a whole image. */
  readonly output: string;
  /** Threads to dump with, which stay the caller's; without it a pool is made for this checkpoint. */
  readonly pool?: DumpPool;
  /** Threads of that pool; as many as there are cores unless said. */
  readonly threads?: number;
}

export interface CheckpointTiming extends CutTiming {
  /** Collecting the objects and planning the image, in milliseconds. */
  readonly planMs: number;
  /** Writing the image. */
  readonly dumpMs: number;
  /** Making it durable: fsync of file and folder, rename. */
  readonly syncMs: number;
}

/** A checkpoint that was taken. */
export interface Taken extends PlanFigures {
  readonly bytes: number;
  readonly timing: CheckpointTiming;
  /** Lets the tasks run on when `leaveFrozen` was asked for. */
  thaw(): Promise<void>;
}

export interface CheckpointResult extends Taken {
  /** Where the image is: symbolic links resolved. */
  readonly path: string;
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
  const { output, pool, threads, ...saving } = options;
  const own = pool === undefined ? new DumpPool(threads === undefined ? {} : { threads }) : undefined;
  try {
    await own?.warmUp();
    const { saved, ...taken } = await checkpointTo(fileSink(output, pool ?? own!), source, rootPid, saving);
    return { path: saved, ...taken };
  } finally {
    await own?.close();
  }
}

/**
 * As checkpoint(), to any place that takes images.
 * @returns with `saved`: where the image is, as the sink has it
 * @throws as checkpoint(), and what the sink throws
 */
export async function checkpointTo<Saved>(
  sink: ImageSink<Saved>,
  source: SnapshotSource,
  rootPid: number,
  options: SaveOptions = {},
): Promise<Taken & { readonly saved: Saved }> {
  checkSignal(options.signal);
  const writer = await sink.open();
  try {
    return await cutAndWrite(source, rootPid, options, writer);
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

async function cutAndWrite<Saved>(
  source: SnapshotSource,
  rootPid: number,
  options: SaveOptions,
  writer: ImageWriter<Saved>,
): Promise<Taken & { readonly saved: Saved }> {
  const cut = await source.cut(rootPid, options).catch((error: unknown) => {
    checkSignal(options.signal);
    throw error;
  });
  try {
    const { plan, planMs, dumpMs } = await dumpCut(cut, options, writer);
    const start = performance.now();
    const saved = await writer.commit();
    const timing = { ...cut.timing, planMs, dumpMs, syncMs: performance.now() - start };
    return { saved, bytes: plan.size, ...plan.figures, timing, thaw: () => cut.thaw() };
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
  options: SaveOptions,
  writer: ImageWriter<unknown>,
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
    await writer.write(plan, cut.tree, {
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onProgress }),
    });
    return { plan, planMs: planned - start, dumpMs: performance.now() - planned };
  } finally {
    hash.clear();
  }
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal.reason);
}

function headOf({ uts, time, container }: SaveOptions): ImageHead {
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
