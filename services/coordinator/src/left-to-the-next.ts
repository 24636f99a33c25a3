import { CkptError } from '@ckptree/errors';
import type { CoordinatorHandlers } from './handlers.js';

type Handle = (...asked: readonly unknown[]) => Promise<unknown>;

/**
 * The same handlers, but what fails when the term is over is left to the next leader. Why it failed does not matter then: this one
 * writes nothing any more, and what it knows may be old.
 * @param signal raised when the term is over
 * @throws ERESTART from each, then
 */
export function leftToTheNext(handlers: CoordinatorHandlers, signal: AbortSignal): CoordinatorHandlers {
  const leaving =
    (verb: string, handle: Handle): Handle =>
    async (...asked) => {
      try {
        signal.throwIfAborted();
        return await handle(...asked);
      } catch (error) {
        if (!signal.aborted) throw error;
        throw new CkptError(
          'ERESTART',
          `this coordinator led no longer before ${verb} was done; ask again, and the next one does it`,
          {},
          error,
        );
      }
    };
  const wrapped = Object.entries<unknown>(handlers).map(([verb, handle]) => [
    verb,
    leaving(verb, handle as Handle),
  ]);
  return Object.fromEntries(wrapped) as CoordinatorHandlers;
}
