import { type Options, SingleBar } from 'cli-progress';
import { formatBytes } from './quantities.js';

/** Shows people how far something is that takes its time. */
export interface Progress {
  /** Something is under way, so many bytes of so many. What was shown before is replaced. */
  bytes(activity: string, done: number, total: number): void;
  /**
   * Something is under way of which nobody knows how long it takes; `look` tells how it stands.
   * @returns what the work returns
   */
  during<Result>(activity: string, look: () => string, work: () => Promise<Result>): Promise<Result>;
  /** Takes the display away. */
  end(): void;
}

/** For streams that nobody watches. */
export const SILENT: Progress = {
  bytes: () => undefined,
  during: (_activity, _look, work) => work(),
  end: () => undefined,
};

/** What takes less is over before anybody has read it. */
const APPEARS_AFTER_MS = 500;
const LOOK_EVERY_MS = 250;

interface Payload {
  readonly activity: string;
  readonly state: string;
}

/** A line at the bottom of a terminal, which appears once something has taken more than half a second. */
export class TerminalProgress implements Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  #activity = '';
  #since = 0;
  #bar: SingleBar | undefined;

  constructor(stream: NodeJS.WriteStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  bytes(activity: string, done: number, total: number): void {
    this.#show(activity, done, total, `${formatBytes(done)} of ${formatBytes(total)}`);
  }

  async during<Result>(activity: string, look: () => string, work: () => Promise<Result>): Promise<Result> {
    const timer = setInterval(() => {
      // What can be measured is more worth showing.
      if (this.#activity === '' || this.#activity === activity) this.#show(activity, 0, 0, look());
    }, LOOK_EVERY_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      if (this.#activity === activity) this.end();
    }
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#activity = '';
  }

  #show(activity: string, done: number, total: number, state: string): void {
    if (activity !== this.#activity) {
      this.end();
      this.#activity = activity;
      this.#since = this.#now();
    }
    if (this.#now() - this.#since < APPEARS_AFTER_MS) return;
    const payload: Payload = { activity, state };
    if (this.#bar === undefined) {
      this.#bar = new SingleBar(barOptions(this.#stream, total > 0));
      this.#bar.start(total, done, payload);
    } else {
      this.#bar.setTotal(total);
      this.#bar.update(done, payload);
    }
  }
}

function barOptions(stream: NodeJS.WriteStream, measurable: boolean): Options {
  return {
    stream,
    format: measurable ? '{activity}  {bar} {percentage}%  {state}' : '{activity}  {state}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    fps: 10,
    hideCursor: true,
    clearOnComplete: true,
    // The command's own handlers take the display away.
    gracefulExit: false,
  };
}
