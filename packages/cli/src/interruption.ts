import { CkptError } from '@ckptree/errors';

/** The signals that ask a process to end, and their numbers. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type EndingSignal = keyof typeof SIGNALS;

/** Whoever has not cleaned up by then will not any more. */
const GRACE_MS = 5_000;

/** Turns the first signal that asks the process to end into an abort; the second one ends it at once. */
export class Interruption {
  readonly #controller = new AbortController();
  #received: EndingSignal | undefined;
  /** For what takes longer to end in order, such as processes of its own. */
  graceMs = GRACE_MS;

  constructor() {
    for (const name of names()) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** As a shell tells it, 128 + the signal; undefined when there was none. */
  get exitCode(): number | undefined {
    return this.#received === undefined ? undefined : 128 + SIGNALS[this.#received];
  }

  /** Ends the work, as nobody is there for whom it is done; it is no failure by itself. */
  giveUp(reason: Error): void {
    this.#controller.abort(new CkptError('EPIPE', 'nothing more can be told', {}, reason));
  }

  /** Gives the signals back to the system. */
  dispose(): void {
    for (const name of names()) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    const ending = name as EndingSignal;
    if (this.#received !== undefined) return this.#die(ending);
    this.#received = ending;
    setTimeout(() => this.#die(ending), this.graceMs).unref();
    this.#controller.abort(new CkptError('EINTR', `ended by ${ending}`));
  };

  /** By the signal itself: at an exit of Node the process aborts when a thread is in the middle of compressing. */
  #die(signal: EndingSignal): void {
    this.dispose();
    process.kill(process.pid, signal);
  }
}

const names = (): EndingSignal[] => Object.keys(SIGNALS) as EndingSignal[];
