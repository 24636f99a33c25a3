import { isCkptError } from '@ckptree/errors';

/**
 * Tries something with a task that is stopped at a tick. How many ticks a task takes is another number each time if it
 * waits for others or shares work with them: if it ended before that tick, half as many are tried.
 * @param attempt leaves nothing behind when it fails
 */
export async function atReachedTick<T>(tick: number, attempt: (tick: number) => Promise<T>): Promise<T> {
  for (let at = tick; ; at = Math.floor(at / 2)) {
    try {
      return await attempt(at);
    } catch (error) {
      if (at === 0 || !isCkptError(error) || !/ended .* before the tick/.test(error.message)) throw error;
    }
  }
}
