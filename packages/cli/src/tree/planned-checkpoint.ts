import { setImmediate } from 'node:timers/promises';
import { checkpointTo } from '@ckptree/checkpoint';
import { CkptError, isCkptError } from '@ckptree/errors';
import type { Kernel } from '@ckptree/kernel';
import type { SnapshotSource } from '@ckptree/model';
import type { TaskAtTick } from '../arguments.js';
import type { Session } from '../session.js';
import { type CheckpointReport, reportCheckpoint } from './checkpoint-report.js';
import type { CheckpointRequest } from './checkpoint-request.js';
import type { OpenDestination } from './destination.js';

/**
 * A checkpoint that waits for its tick, and those after it. Made before the tree is in the kernel, it misses no tick.
 */
export class PlannedCheckpoint {
  readonly #kernel: Kernel;
  readonly #request: CheckpointRequest;
  readonly #destination: OpenDestination;
  readonly #session: Session;
  /** The task stands at the tick of the next checkpoint. */
  #stands: Promise<void>;

  constructor(kernel: Kernel, request: CheckpointRequest, destination: OpenDestination, session: Session) {
    this.#kernel = kernel;
    this.#request = request;
    this.#destination = destination;
    this.#session = session;
    this.#stands = this.#stopAt(request.at.tick);
    // Whoever takes the checkpoint sees the failure; when the tree never comes to be, nobody does.
    this.#stands.catch(() => undefined);
  }

  /**
   * Takes the checkpoint, and later ones when they were asked for, until the task has ended. A task that comes to its
   * next checkpoint while the one before is being written waits for that.
   * @param settled resolves when all tasks have ended
   * @throws ESRCH the task ended before that tick, or never was; whatever makes a checkpoint fail. The tree then runs on.
   */
  async *takeAll(settled: Promise<void>): AsyncGenerator<CheckpointReport> {
    const { at, every } = this.#request;
    for (let { tick } = at; ; tick += every ?? 0) {
      try {
        yield await this.#take(tick, settled);
      } catch (error) {
        // The series ends with its task.
        if (tick > at.tick && isCkptError(error) && error.code === 'ESRCH') return;
        throw error;
      }
      if (every === undefined) return;
    }
  }

  async #take(tick: number, settled: Promise<void>): Promise<CheckpointReport> {
    const { at, every, container, stop } = this.#request;
    const { signal, debug, progress } = this.#session;
    let cut = false;
    // Before the task runs on, or it might be past its next tick.
    const onCut = (): void => {
      cut = true;
      if (every !== undefined) this.#stands = this.#stopAt(tick + every);
      this.#stands.catch(() => undefined);
    };
    try {
      await Promise.race([this.#stands, neverCame(settled, { pid: at.pid, tick })]);
      const source = stop ? this.#kernel : runningOn(this.#kernel, onCut);
      const { saved, ...taken } = await checkpointTo(this.#destination.sink, source, at.pid, {
        container,
        leaveFrozen: stop,
        signal,
        debug,
        onProgress: ({ bytes, totalBytes }) => progress.bytes('writing the image', bytes, totalBytes),
      });
      return reportCheckpoint({ pid: at.pid, tick, container }, taken, saved);
    } catch (error) {
      if (cut && every !== undefined) this.#letPass();
      await letRun(this.#kernel, at.pid);
      throw error;
    } finally {
      progress.end();
    }
  }

  #stopAt(tick: number): Promise<void> {
    return this.#kernel.stopAt(this.#request.at.pid, tick, { unborn: tick === this.#request.at.tick });
  }

  /** Nobody takes the next checkpoint: when the task stands at its tick, it shall run on. */
  #letPass(): void {
    const run = () => letRun(this.#kernel, this.#request.at.pid);
    // The task may end before, or the kernel.
    this.#stands.then(run).catch(() => undefined);
  }
}

/**
 * The kernel, but the task that stands at its tick runs on as soon as there is a snapshot.
 * @param onCut called before it does
 */
function runningOn(kernel: Kernel, onCut: () => void): SnapshotSource {
  return {
    async cut(rootPid, options) {
      try {
        return await kernel.cut(rootPid, options);
      } finally {
        onCut();
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
  // If the task was there and ended too early, the kernel has more to say about it.
  await setImmediate();
  throw new CkptError('ESRCH', `all tasks have ended, and there never was a task ${pid} at tick ${tick}`, {
    pid,
  });
}
