import { CkptError } from '@ckptree/errors';

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
type EndingSignal = (typeof SIGNALS)[number];

/** As a shell tells it: 128 + the number of SIGINT. */
const INTERRUPTED_TWICE = 130;

/** Why the service is to end. */
export type StopReason =
  | { readonly kind: 'asked'; readonly by: EndingSignal | 'supervisor' }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Waits for the first reason to end: a signal, the loss of the supervisor that started the process with an IPC channel,
 * or a failure. A second Ctrl-C ends the process at once; a SIGTERM after it does not, for a terminal sends the first one
 * to a supervisor and its services alike, and the supervisor then tells them to end, too.
 */
export class Stopping {
  readonly #controller = new AbortController();
  readonly #requested: Promise<StopReason>;
  #reason: StopReason | undefined;
  #interrupted = false;
  #resolve!: (reason: StopReason) => void;

  constructor() {
    this.#requested = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    for (const name of SIGNALS) process.on(name, this.#onSignal);
    process.on('disconnect', this.#onDisconnect);
    // The supervisor may have gone while this process was still loading its code.
    if (process.connected === false) this.#onDisconnect();
  }

  /** Raised when the service is to end. Its reason is an EINTR error, or the failure. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  requested(): Promise<StopReason> {
    return this.#requested;
  }

  /** Something went wrong that the service cannot do without. */
  fail(error: unknown): void {
    this.#stop({ kind: 'failed', error });
  }

  dispose(): void {
    for (const name of SIGNALS) process.off(name, this.#onSignal);
    process.off('disconnect', this.#onDisconnect);
  }

  #stop(reason: StopReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller.abort(
      reason.kind === 'failed' ? reason.error : new CkptError('EINTR', `ended by ${reason.by}`),
    );
    this.#resolve(reason);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    const ending = name as EndingSignal;
    if (this.#interrupted && ending === 'SIGINT') process.exit(INTERRUPTED_TWICE);
    this.#interrupted ||= ending === 'SIGINT';
    this.#stop({ kind: 'asked', by: ending });
  };

  /** A service that outlived its supervisor would meet its own successor. */
  readonly #onDisconnect = (): void => this.#stop({ kind: 'asked', by: 'supervisor' });
}
