import { CkptError } from '@ckptree/errors';

/** The error of a checkpoint that its caller gave up. @param reason as the signal has it */
export const cancelled = (reason?: unknown): CkptError =>
  new CkptError('EINTR', 'the checkpoint was cancelled before it was done', {}, reason);

/**
 * A flag that all threads of one dump see. A thread looks at it between two writes, so that it stops by itself at a
 * point of its own: a thread that is killed instead could still be writing when its descriptor number belongs to
 * another file.
 */
export class CancelFlag {
  /** Plain shared memory, to be posted to threads. */
  readonly shared: Int32Array;

  constructor(shared: Int32Array = new Int32Array(new SharedArrayBuffer(4))) {
    this.shared = shared;
  }

  raise(): void {
    Atomics.store(this.shared, 0, 1);
  }

  /** @throws EINTR the flag is raised */
  check(): void {
    if (Atomics.load(this.shared, 0) !== 0) throw cancelled();
  }
}
