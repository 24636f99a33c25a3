import { CkptError } from '@ckptree/errors';
import type { PlacingTask } from './placing-task.js';

/** Tasks that go to one place together: a worker of a cluster, or a cpu of a kernel. */
export interface Group {
  load: number;
  /** Where it goes, when that is known. */
  place: string | undefined;
}

/** Puts tasks together that are bound to each other, then those that are to be near each other. */
export class Groups {
  readonly #tasks: readonly PlacingTask[];
  readonly #groups: Group[];
  /** For each task another one of its group, itself for one of them. */
  readonly #up: number[];

  /** @throws EINVAL tasks that are bound to each other are to be in different places */
  constructor(tasks: readonly PlacingTask[], placement: ReadonlyMap<number, string>) {
    this.#tasks = tasks;
    this.#groups = tasks.map(({ pid, load }) => ({ load, place: placement.get(pid) }));
    this.#up = tasks.map((_, index) => index);
    for (const [index, { bound = [] }] of tasks.entries())
      for (const other of bound) this.#bind(index, other);
    for (const [index, { near = [] }] of tasks.entries())
      for (const other of near) if (this.#canJoin(index, other)) this.#join(index, other);
  }

  /** In the order of their first tasks. */
  list(): Group[] {
    return this.#groups.filter((_, index) => this.#top(index) === index);
  }

  placeOf(index: number): string {
    return this.#groups[this.#top(index)]!.place!;
  }

  #bind(index: number, other: number): void {
    if (!this.#canJoin(index, other)) {
      const [{ pid }, { pid: otherPid }] = [this.#tasks[index]!, this.#tasks[other]!];
      throw new CkptError(
        'EINVAL',
        `tasks ${otherPid} and ${pid} share what cannot be on two workers, and the placement puts them apart`,
        { pid },
      );
    }
    this.#join(index, other);
  }

  #canJoin(index: number, other: number): boolean {
    const [one, two] = [this.#groups[this.#top(index)]!.place, this.#groups[this.#top(other)]!.place];
    return one === undefined || two === undefined || one === two;
  }

  /** The group of the earliest task takes the other one over. */
  #join(index: number, other: number): void {
    const [one, two] = [this.#top(index), this.#top(other)];
    if (one === two) return;
    const [into, from] = one < two ? [one, two] : [two, one];
    this.#up[from] = into;
    this.#groups[into]!.load += this.#groups[from]!.load;
    this.#groups[into]!.place ??= this.#groups[from]!.place;
  }

  #top(index: number): number {
    let top = index;
    while (this.#up[top] !== top) {
      // Halves the way for whoever comes next.
      this.#up[top] = this.#up[this.#up[top]!]!;
      top = this.#up[top]!;
    }
    return top;
  }
}
