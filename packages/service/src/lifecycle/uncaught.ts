import type { Log } from '../log/log.js';

/**
 * An error that nobody caught leaves the process in a state that nobody knows: it is logged, and the process ends with
 * code 1, at once. Whoever relies on the service is built for that (leases, compare-and-set); it is not drained.
 */
export function endOnUncaught(log: Log): void {
  // Rejections that nobody handles come here, too: Node makes exceptions of them.
  process.on('uncaughtException', (error, origin) => {
    log.fatal(
      { err: error, stack: error instanceof Error ? error.stack : undefined, origin },
      'uncaught error',
    );
    process.exit(1);
  });
  process.on('warning', (warning) => log.warn({ err: warning }, 'warning of Node'));
}
