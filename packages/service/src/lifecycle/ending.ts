import type { Log } from '../log/log.js';
import type { RunningService } from '../service-definition.js';
import type { StopReason } from './stopping.js';
import { within } from './within.js';

/** Whatever came before it took, the start and the close of a service have this long to end. */
const GRACE_MS = 2_000;

/**
 * Ends a service that has started, or is starting: drains it and closes it, within the time.
 * @returns whether all of it was done
 */
export async function end(
  starting: Promise<RunningService> | undefined,
  reason: StopReason,
  timeoutMs: number,
  log: Log,
): Promise<boolean> {
  if (reason.kind === 'failed') log.fatal({ err: reason.error }, 'ending because of a failure');
  else log.info({ by: reason.by, timeoutMs }, 'ending');
  const endsAt = performance.now() + timeoutMs;
  let clean = true;

  const step = async (
    name: string,
    leastMs: number,
    work: (deadline: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const leftMs = Math.ceil(endsAt - performance.now());
    const deadline = AbortSignal.timeout(Math.max(leftMs, leastMs));
    try {
      if (await within(deadline, work(deadline))) return;
      log.error({ step: name, timeoutMs }, 'not done in time; what was under way is dropped');
    } catch (error) {
      log.error({ err: error, step: name }, 'could not end in order');
    }
    clean = false;
  };

  const service = await startedOf(starting, reason, log, step);
  if (service !== undefined) {
    await step('drain', 0, async (deadline) => service.drain?.(deadline));
    await step('close', GRACE_MS, () => service.close());
  }
  log.info({ clean }, 'ended');
  return clean;
}

type Step = (name: string, leastMs: number, work: () => Promise<void>) => Promise<void>;

/** A service that is still starting was told to give up, and is waited for: what it holds must be closed. */
async function startedOf(
  starting: Promise<RunningService> | undefined,
  reason: StopReason,
  log: Log,
  step: Step,
): Promise<RunningService | undefined> {
  let service: RunningService | undefined;
  await step('start', GRACE_MS, async () => {
    try {
      service = await starting;
    } catch (error) {
      if (reason.kind === 'asked' || reason.error !== error)
        log.info({ err: error }, 'the start was given up');
    }
  });
  return service;
}
