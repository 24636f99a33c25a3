import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CkptError } from '@ckptree/errors';

/** Where packages put servers; not on the PATH of every user. */
const SERVER_FOLDERS = ['/usr/local/bin', '/usr/local/sbin', '/usr/sbin'];

/** @returns its path; undefined when there is none */
export function findOnPath(name: string, path = process.env.PATH ?? ''): string | undefined {
  return [...path.split(delimiter).filter((folder) => folder !== ''), ...SERVER_FOLDERS]
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** @throws ENOENT with what to do about it */
export function findNatsServer(): string {
  const path = findOnPath('nats-server');
  if (path !== undefined) return path;
  throw new CkptError(
    'ENOENT',
    'there is no nats-server on this machine: install it (`apt-get install nats-server` on Debian and Ubuntu, `brew install nats-server` on macOS, or a release from https://github.com/nats-io/nats-server/releases; 2.9 or later), or have `ckptree up --nats URL` use one that runs elsewhere',
    { path: 'nats-server' },
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
