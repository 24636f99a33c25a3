import { CkptError } from '@ckptree/errors';
import type { Skeleton } from './skeleton.js';

const NONE = -1;

/** Which task is saved with all below it, and the root of the whole tree. */
export interface Membership {
  readonly pid: number;
  readonly rootPid: number;
}

/** A task of a part. */
export interface PartTask {
  /** Which part, and which of its tasks. */
  readonly part: number;
  readonly index: number;
  /** As the whole tree has it: an orphan's is the root, whatever its worker knows of that. */
  readonly ppid: number;
  readonly zombie: boolean;
}

/**
 * The subtree of a task, put together from the parts in which its tree is spread, depth-first. Of the children of one
 * task, those on its own worker come first, in their order there, then those of each other worker together: so the image
 * goes back and forth between workers as little as it can.
 *
 * A task whose parent has ended, or is in no part, has become an orphan: it belongs to the root, if that is alive.
 * @throws ESRCH the task is in no part; EEXIST a pid is in two parts
 */
export function orderTasks(parts: readonly Skeleton[], membership: Membership): PartTask[] {
  return new Order(parts, membership).walk();
}

class Order {
  readonly #parts: readonly Skeleton[];
  readonly #rootPid: number;
  /** Number of the first task of each part, and one behind the last. */
  readonly #firsts: readonly number[];
  readonly #numbers = new Map<number, number>();
  readonly #partOf: Int32Array;
  readonly #ended: Uint8Array;
  readonly #parents: Int32Array;
  readonly #orphans: Uint8Array;
  readonly #top: number;

  constructor(parts: readonly Skeleton[], { pid, rootPid }: Membership) {
    this.#parts = parts;
    this.#rootPid = rootPid;
    const firsts = [0];
    for (const { tasks } of parts) firsts.push(firsts.at(-1)! + tasks.pid.length);
    this.#firsts = firsts;
    const count = firsts.at(-1)!;
    this.#partOf = new Int32Array(count);
    this.#ended = new Uint8Array(count);
    this.#parents = new Int32Array(count).fill(NONE);
    this.#orphans = new Uint8Array(count);
    this.#numberTasks();
    const found = this.#numbers.get(pid);
    if (found === undefined)
      throw new CkptError('ESRCH', `task ${pid} had ended when its tree was stopped for the checkpoint`, {
        pid,
      });
    // The threads of a group are one thing: none is saved without the others.
    this.#top = this.#leaderOf(found) ?? found;
    this.#findParents();
  }

  walk(): PartTask[] {
    const [firstChild, nextSibling] = this.#siblings();
    const tasks: PartTask[] = [];
    const pending = [this.#top];
    for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
      tasks.push(this.#task(number));
      const from = pending.length;
      for (let child = firstChild[number]!; child !== NONE; child = nextSibling[child]!) pending.push(child);
      // The first child is to come off first.
      reverse(pending, from);
    }
    return tasks;
  }

  #numberTasks(): void {
    for (const [part, { tasks, zombies, worker }] of this.#parts.entries()) {
      const first = this.#firsts[part]!;
      for (const [index, pid] of tasks.pid.entries()) {
        const other = this.#numbers.get(pid);
        if (other !== undefined)
          throw new CkptError(
            'EEXIST',
            `two tasks have pid ${pid}, on worker ${this.#parts[this.#partOf[other]!]!.worker} and on worker ${worker}`,
            { pid, worker },
          );
        this.#numbers.set(pid, first + index);
        this.#partOf[first + index] = part;
      }
      for (const index of zombies) this.#ended[first + index] = 1;
    }
  }

  #findParents(): void {
    const reaper = this.#alive(this.#numbers.get(this.#rootPid)) ?? NONE;
    for (let number = 0; number < this.#parents.length; number++) {
      if (number === this.#top) continue;
      const parent = this.#alive(this.#leaderOf(number)) ?? this.#alive(this.#parentOf(number));
      if (parent !== undefined) this.#parents[number] = parent;
      else if (number !== reaper) {
        this.#parents[number] = reaper;
        this.#orphans[number] = 1;
      }
    }
  }

  #alive(number: number | undefined): number | undefined {
    return number === undefined || this.#ended[number] === 1 ? undefined : number;
  }

  #parentOf(number: number): number | undefined {
    return this.#numbers.get(this.#column(number, 'ppid'));
  }

  /** Of a thread that leads no group. Who is said to lead, and does not, leads nobody. */
  #leaderOf(number: number): number | undefined {
    const tgid = this.#column(number, 'tgid');
    const leader = tgid === 0 ? undefined : this.#numbers.get(tgid);
    return leader === undefined || this.#column(leader, 'tgid') !== 0 ? undefined : leader;
  }

  #siblings(): readonly [firstChild: Int32Array, nextSibling: Int32Array] {
    const count = this.#parents.length;
    const [first, last, next] = [0, 0, 0].map(() => new Int32Array(count).fill(NONE)) as [
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    const link = (rank: number): void => {
      for (let number = 0; number < count; number++) {
        const parent = this.#parents[number]!;
        if (parent === NONE || this.#rank(number, parent) !== rank) continue;
        const before = last[parent]!;
        if (before === NONE) first[parent] = number;
        else next[before] = number;
        last[parent] = number;
      }
    };
    link(0);
    link(1);
    link(2);
    return [first, next];
  }

  /** 0: on its parent's worker; 1: on another one; 2: an orphan, who has come last. */
  #rank(number: number, parent: number): 0 | 1 | 2 {
    if (this.#orphans[number] === 1) return 2;
    return this.#partOf[number] === this.#partOf[parent] ? 0 : 1;
  }

  #task(number: number): PartTask {
    const part = this.#partOf[number]!;
    const index = number - this.#firsts[part]!;
    const ppid = this.#orphans[number] === 1 ? this.#rootPid : this.#column(number, 'ppid');
    return { part, index, ppid, zombie: this.#ended[number] === 1 };
  }

  #column(number: number, column: 'ppid' | 'tgid'): number {
    const part = this.#partOf[number]!;
    return this.#parts[part]!.tasks[column][number - this.#firsts[part]!]!;
  }
}

function reverse(numbers: number[], from: number): void {
  for (let low = from, high = numbers.length - 1; low < high; low++, high--)
    [numbers[low], numbers[high]] = [numbers[high]!, numbers[low]!];
}
