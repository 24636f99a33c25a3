import { fork } from 'node:child_process';
import { once } from 'node:events';
import { CkptError } from '@ckptree/errors';
import type { RestartOrder, RestartTimes } from './messages.js';

const SCRIPT = new URL('./restart-once.worker.js', import.meta.url);

/** Restarts a tree in a fresh process, which ends behind it. @throws EIO it failed; what it said is on stderr */
export async function restartOnce(order: RestartOrder): Promise<RestartTimes> {
  const child = fork(SCRIPT);
  child.send(order);
  const ended = once(child, 'exit');
  const told = once(child, 'message') as Promise<[RestartTimes]>;
  const times = await Promise.race([told.then(([message]) => message), ended.then(() => undefined)]);
  await ended;
  if (times === undefined) throw new CkptError('EIO', 'the process that was to restart a tree has failed');
  return times;
}
