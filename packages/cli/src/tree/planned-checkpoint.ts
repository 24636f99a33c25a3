import { checkpoint, DumpPool, OutputFile } from '@ckptree/checkpoint';
import { CkptError } from '@ckptree/errors';
import type { Kernel } from '@ckptree/kernel';
import type { SnapshotSource } from '@ckptree/model';
import type { TaskAtTick } from '../arguments.js';
import type { Session } from '../session.js';
import { type CheckpointReport, reportCheckpoint } from './checkpoint-report.js';
import type { CheckpointRequest } from './checkpoint-request.js';

/**
 * A checkpoint that waits for its tick. Made before the tree is in the kernel, it misses no tick; its threads start while
 * the tasks are on their way, so that nobody stands still for their sake.
 */
export class PlannedCheckpoint {
  readonly #kernel: Kernel;
  readonly #request: CheckpointRequest;
  readonly #session: Session;
  readonly #pool: DumpPool;
  readonly #ready: Promise<unknown>;

  constructor(kernel: Kernel, request: CheckpointRequest, session: Session) {
    this.#kernel = kernel;
    this.#request = request;
    this.#session = session;
    this.#pool = new DumpPool(request.threads === undefined ? {} : { threads: request.threads });
    this.#ready = Promise.all([kernel.stopAt(request.at.pid, request.at.tick), this.#pool.warmUp()]);
    // Whoever takes the checkpoint sees the failure; when the tree never comes to be, nobody does.
    this.#ready.catch(() => undefined);
  }

  /**
   * @param settled resolves when all tasks have ended
   * @throws ESRCH the task ended before that tick, or never was; whatever makes a checkpoint fail. The tree then runs on.
   */
  async take(settled: Promise<void>): Promise<CheckpointReport> {
    const { at, output, container, stop } = this.#request;
    const { signal, debug, progress } = this.#session;
    try {
      await Promise.race([this.#ready, neverCame(settled, at)]);
      const result = await checkpoint(stop ? this.#kernel : runningOn(this.#kernel), at.pid, {
        output,
        container,
        leaveFrozen: stop,
        pool: this.#pool,
        signal,
        debug,
        onProgress: ({ bytes, totalBytes }) => progress.bytes('writing the image', bytes, totalBytes),
      });
      return reportCheckpoint(this.#request, result);
    } catch (error) {
      await letRun(this.#kernel, at.pid);
      throw error;
    } finally {
      progress.end();
    }
  }

  /** Ends its threads. */
  async dispose(): Promise<void> {
    await this.#pool.close();
  }
}

/** The kernel, but the task that stands at its tick runs on as soon as there is a snapshot. */
function runningOn(kernel: Kernel): SnapshotSource {
  return {
    async cut(rootPid, options) {
      try {
        return await kernel.cut(rootPid, options);
      } finally {
        await letRun(kernel, rootPid);
      }
    },
  };
}

/** Thaws a tree, if it is still there. */
async function letRun(kernel: Kernel, pid: number): Promise<void> {
  if (kernel.ps().some((task) => task.pid === pid)) await kernel.thaw(pid);
}

async function neverCame(settled: Promise<void>, { pid, tick }: TaskAtTick): Promise<never> {
  await settled;
  throw new CkptError('ESRCH', `all tasks have ended, and there never was a task ${pid} at tick ${tick}`, {
    pid,
  });
}

/**
 * Finds out before a tree has run for an hour that its checkpoint has nowhere to go.
 * @throws ENOENT, EPERM, EINVAL, ... an image of this name could not be created
 */
export async function checkOutput(output: string): Promise<void> {
  const file = await OutputFile.create(output);
  await file.discard();
}
