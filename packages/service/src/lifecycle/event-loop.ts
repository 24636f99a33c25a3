import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Log } from '../log/log.js';

const WATCH_MS = 5_000;
/** A service that stood still for so long answers late enough for others to doubt it. */
const NOTEWORTHY_MS = 500;

/** Logs when the event loop stood still; the metrics of it (`nodejs_eventloop_lag_*`) are lost if nobody scrapes. */
export function watchEventLoop(log: Log): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const timer = setInterval(() => {
    const blockedMs = Math.round(delay.max / 1e6);
    delay.reset();
    if (blockedMs >= NOTEWORTHY_MS) log.warn({ blockedMs }, 'the event loop stood still');
  }, WATCH_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
