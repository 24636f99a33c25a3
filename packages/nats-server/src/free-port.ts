import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { CkptError } from '@ckptree/errors';

/**
 * Below the ports that Linux gives to outgoing connections (32768 and up): a client that looks for a server which is
 * down could be given the very port that it looks for, and would talk to itself.
 */
const [FIRST, BEHIND] = [15_000, 32_000];
const ATTEMPTS = 50;

/** A port that nobody listens on now. @throws EAGAIN none was found */
export async function freePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, BEHIND);
    if (await isFree(host, port)) return port;
  }
  throw new CkptError('EAGAIN', `no free port was found from ${FIRST} to ${BEHIND}`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
