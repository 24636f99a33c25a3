import type { EventPublisher, TaskEnd } from '@ckptree/protocol';
import type { HostedTree } from './hosted-tree.js';

const BATCH = 500;
const DELAY_MS = 50;

export interface EndReporterParts {
  readonly events: EventPublisher;
  readonly worker: string;
  /** Tells this start of the worker from others, in the ids of events. */
  readonly incarnation: string;
  readonly onError: (error: unknown) => void;
}

/** Tells the cluster how tasks ended, in batches. */
export class EndReporter {
  readonly #parts: EndReporterParts;
  readonly #waiting = new Map<HostedTree, TaskEnd[]>();
  #timer: NodeJS.Timeout | undefined;
  #batches = 0;

  constructor(parts: EndReporterParts) {
    this.#parts = parts;
  }

  add(hosted: HostedTree, end: TaskEnd): void {
    const ends = this.#waiting.get(hosted);
    if (ends === undefined) this.#waiting.set(hosted, [end]);
    else ends.push(end);
    if ((ends?.length ?? 0) >= BATCH) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Hands over what waits to the publisher. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [{ tree, rootPid }, ends] of this.#waiting)
      for (let at = 0; at < ends.length; at += BATCH)
        this.#publish(tree, rootPid, ends.slice(at, at + BATCH));
    this.#waiting.clear();
  }

  #publish(tree: string, rootPid: number, ends: TaskEnd[]): void {
    const { events, worker, incarnation, onError } = this.#parts;
    const id = `${tree}.task-ended.${worker}.${incarnation}.${++this.#batches}`;
    events.publish({ type: 'task-ended', tree, rootPid, worker, ends }, id).catch(onError);
  }
}
