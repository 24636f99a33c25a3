import { CkptError } from '@ckptree/errors';
import type { TProperties } from '@ckptree/schema';
import { announce } from '../announcement.js';
import { Readiness } from '../http/readiness.js';
import { type StatusServer, startStatusServer } from '../http/status-server.js';
import type { Log } from '../log/log.js';
import { createRegistry } from '../metrics/registry.js';
import type { RunningService, ServiceConfig, ServiceDefinition } from '../service-definition.js';
import { end } from './ending.js';
import { watchEventLoop } from './event-loop.js';
import { Stopping } from './stopping.js';
import { within } from './within.js';

const EXIT = { OK: 0, FAILURE: 1 } as const;

/** From the start of a service to its end. @returns the exit code */
export async function live<Options extends TProperties>(
  definition: ServiceDefinition<Options>,
  config: ServiceConfig<Options>,
  log: Log,
): Promise<number> {
  const { role, version } = definition;
  const { id, shutdownTimeoutMs } = config;
  const stopping = new Stopping();
  const readiness = new Readiness();
  const { registry, metrics } = createRegistry({ role, id, version }, readiness);
  const started = readiness.add('started', refuse('it is still starting'));
  const unwatch = watchEventLoop(log);
  // Who reads announcements may go away, and the disk that they go to be full: without a listener that would end the process.
  process.stdout.on('error', (err) => log.warn({ err }, 'the announcement could not be printed'));
  let status: StatusServer | undefined;
  let running: Promise<RunningService> | undefined;
  try {
    status = await startStatusServer(
      { host: config.httpHost, port: config.http },
      { log, readiness, registry },
    );
    log.info({ url: status.url, port: status.port }, 'listening');
    const whereabouts = { role, id, pid: process.pid, url: status.url };
    announce({ type: 'listening', ...whereabouts }, config.announce);

    const { signal } = stopping;
    const fail = (error: unknown): void => stopping.fail(error);
    running = definition.start({ config, log, registry, readiness, signal, fail });
    if (await within(signal, running)) {
      started();
      log.info('ready');
      announce({ type: 'ready', ...whereabouts }, config.announce);
    }
  } catch (error) {
    // Unless it fails because it was told to end: the first reason is the one that counts.
    stopping.fail(error);
  }

  const reason = await stopping.requested();
  metrics.stopping.set(1);
  readiness.add('stopping', refuse('it is ending'));
  const clean = await end(running, reason, shutdownTimeoutMs, log);
  unwatch();
  await status?.close();
  stopping.dispose();
  return clean && reason.kind === 'asked' ? EXIT.OK : EXIT.FAILURE;
}

const refuse = (why: string) => (): never => {
  throw new CkptError('EAGAIN', why);
};
