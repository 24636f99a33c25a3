import { CkptError } from '@ckptree/errors';
import { PID_MAX } from './slot.js';

/** No pid is 0: its word holds the pid that was handed out last. */
const LAST = 0;

/** The slot of each pid, and which pids are free. Changing it wants the process table's lock held. */
export class PidMap {
  readonly #words: Int32Array;

  constructor(words: SharedArrayBuffer) {
    this.#words = new Int32Array(words);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer(PID_MAX * 4);
  }

  /** The slot of a pid, or undefined. */
  find(pid: number): number | undefined {
    const slot = pid > 0 && pid < PID_MAX ? this.#words[pid]! : 0;
    return slot === 0 ? undefined : slot;
  }

  set(pid: number, slot: number): void {
    this.#words[pid] = slot;
  }

  delete(pid: number): void {
    this.#words[pid] = 0;
  }

  /** @throws EEXIST it is taken; EINVAL it is no valid pid */
  checkFree(pid: number): void {
    if (!Number.isInteger(pid) || pid < 1 || pid >= PID_MAX)
      throw new CkptError('EINVAL', `pid ${pid} is not between 1 and ${PID_MAX - 1}`, { pid });
    if (this.#words[pid] !== 0) throw new CkptError('EEXIST', `pid ${pid} is taken`, { pid });
  }

  /** The next free pid behind the one that was handed out last. @throws EAGAIN all are taken */
  next(): number {
    const last = this.#words[LAST]!;
    for (let step = 0; step < PID_MAX - 1; step++) {
      const pid = ((last + step) % (PID_MAX - 1)) + 1;
      if (this.#words[pid] !== 0) continue;
      this.#words[LAST] = pid;
      return pid;
    }
    throw new CkptError('EAGAIN', 'every pid is taken');
  }
}
