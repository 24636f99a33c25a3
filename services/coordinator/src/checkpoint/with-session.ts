import { setTimeout as sleep } from 'node:timers/promises';
import type { Session, SessionOptions } from '@ckptree/store';
import type { StepParts, Underway } from './step-parts.js';

/** What a session has to end when the term is over. */
const END_MS = 2_000;

/**
 * Does something while a session keeps what is stored from being collected, and ends that. Storage that does not answer
 * holds up nobody who gives the checkpoint up: what it was asked for then goes on by itself, and ends the session.
 * @throws what `work` and the store throw; the reason of the signal
 */
export async function withSession(
  { store }: Pick<StepParts, 'store'>,
  { signal, term }: Pick<Underway, 'signal' | 'term'>,
  options: SessionOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  let onRaised = (): void => undefined;
  const raised = new Promise<undefined>((resolve) => {
    onRaised = () => resolve(undefined);
  });
  if (signal.aborted) onRaised();
  signal.addEventListener('abort', onRaised);
  const begun = store().then((open) => open.begin(options));
  try {
    const session = await Promise.race([begun, raised]);
    if (session === undefined) throw signal.reason;
    await work(session);
  } finally {
    const ended = begun.then(
      (session) => session.end(),
      () => undefined, // told above
    );
    ended.catch(() => undefined); // told below, unless nobody waits
    // Whose term is over may be about to end, and to close the store: for that it waits a little.
    const enough = term.aborted ? sleep(END_MS, undefined, { ref: false }) : raised;
    await Promise.race([ended, enough]).finally(() =>
      // A signal is kept as long as somebody listens to it and those that it was made of live.
      signal.removeEventListener('abort', onRaised),
    );
  }
}
