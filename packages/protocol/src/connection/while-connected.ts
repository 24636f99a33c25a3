import { CkptError } from '@ckptree/errors';
import type { Connection } from './connection.js';

/**
 * Waits for what the server itself answers at once: when the connection breaks, the answer is lost, and nobody need wait
 * for a timeout to know.
 * @throws EAGAIN the connection broke; it may have been done, or not
 */
export async function whileConnected<T>(connection: Connection, what: string, work: Promise<T>): Promise<T> {
  let forget = (): void => undefined;
  const broken = new Promise<never>((_, reject) => {
    forget = connection.onStatus((status) => {
      if (status !== 'connected')
        reject(new CkptError('EAGAIN', `the connection to the NATS server broke during ${what}`));
    });
  });
  // Nobody waits for the one that loses the race.
  work.catch(() => undefined);
  broken.catch(() => undefined);
  try {
    return await Promise.race([work, broken]);
  } finally {
    forget();
  }
}
