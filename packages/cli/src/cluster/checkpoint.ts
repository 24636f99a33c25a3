import type { CheckpointHandle, CheckpointProgress } from '@ckptree/client';
import { asCkptError } from '@ckptree/errors';
import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { formatBytes, formatDuration, plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

const Figures = Type.Record(Type.String(), Type.Number(), {
  description: 'What was measured, every figure in the unit that its name ends with (docs/protocol.md).',
});

export const ClusterCheckpointReport = Type.Object(
  {
    id: Type.String({ description: 'Of the checkpoint.' }),
    state: Type.Union([Type.Literal('requested'), Type.Literal('completed'), Type.Literal('scheduled')], {
      description:
        'requested: with --no-wait; scheduled: with --every or --cron, the id is that of the schedule.',
    }),
    figures: Type.Optional(Figures),
  },
  { additionalProperties: false },
);
type ClusterCheckpointReport = Static<typeof ClusterCheckpointReport>;

export interface CheckpointCommandOptions extends ClusterOptions {
  readonly container?: true | undefined;
  readonly name?: string | undefined;
  readonly label?: Readonly<Record<string, string>> | undefined;
  readonly leaveFrozen?: true | undefined;
  readonly stop?: true | undefined;
  readonly every?: number | undefined;
  readonly cron?: string | undefined;
  readonly key?: string | undefined;
  readonly timeout?: number | undefined;
  readonly wait: boolean;
}

/** Takes a checkpoint of a task and all below it, or sees to it that one is taken again and again. */
export function checkpointTree(
  pid: number,
  options: CheckpointCommandOptions,
  session: Session,
): Promise<Outcome<ClusterCheckpointReport>> {
  const { container, name, label, leaveFrozen, stop, every, cron, key, timeout, wait } = options;
  const naming = {
    ...(container && { container }),
    ...(name !== undefined && { name }),
    ...(label !== undefined && { labels: { ...label } }),
  };
  return withClient(options, session, async (client) => {
    if (every !== undefined || cron !== undefined) {
      const asked = {
        pid,
        ...naming,
        ...(every !== undefined && { everyMs: every }),
        ...(cron !== undefined && { cron }),
      };
      const { schedule } = await client.schedule(asked, { signal: session.signal });
      return { report: { id: schedule, state: 'scheduled' }, exitCode: 0 };
    }
    const handle = await client.checkpoint(pid, {
      ...naming,
      signal: session.signal,
      ...(leaveFrozen && { leaveFrozen }),
      ...(stop && { stop }),
      ...(key !== undefined && { key }),
      ...(timeout !== undefined && { timeoutMs: timeout }),
    });
    if (!wait) return { report: { id: handle.id, state: 'requested' }, exitCode: 0 };
    const { figures } = await followed(handle, session);
    return { report: { id: handle.id, state: 'completed', figures: { ...figures } }, exitCode: 0 };
  });
}

/** Shorter than a command may take to end once it is interrupted. */
const CANCEL_MS = 3_000;

/** Shows how it goes until it is over; whoever gives up waiting gives up the checkpoint. */
async function followed(handle: CheckpointHandle, { signal, progress, say }: Session) {
  let cancelling: Promise<unknown> | undefined;
  const onAbort = (): void => {
    cancelling = handle.cancel({ timeoutMs: CANCEL_MS }).catch((error: unknown) => {
      const { message } = asCkptError(error);
      say(
        `checkpoint ${handle.id} could not be cancelled and may still be taken (${message}); ` +
          `\`ckptree cancel ${handle.id}\` tries again`,
      );
    });
  };
  signal.addEventListener('abort', onAbort);
  const over = new AbortController();
  const showing = show(handle, AbortSignal.any([signal, over.signal]), progress);
  showing.catch(() => undefined); // told below
  try {
    return await handle.done;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Who waits no longer, because it takes too long, sees no end of it.
    over.abort();
    await showing;
    progress.end();
    await cancelling;
  }
}

async function show(
  handle: CheckpointHandle,
  signal: AbortSignal,
  progress: Session['progress'],
): Promise<void> {
  const workers = new Map<string, Extract<CheckpointProgress, { type: 'progress' }>>();
  for await (const event of handle.events({ signal })) {
    if (event.type !== 'progress') continue;
    workers.set(event.worker, event);
    const all = [...workers.values()];
    const mms = all.flatMap(({ mms: own = [] }) => own.map(({ pid }) => pid));
    progress.bytes(
      mms.length === 0 ? 'storing' : `storing the memory of task ${mms.slice(0, 4).join(', ')}`,
      all.reduce((sum, { bytes }) => sum + bytes, 0),
      all.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    );
  }
}

export function formatClusterCheckpoint(
  { id, state, figures = {} }: ClusterCheckpointReport,
  { strong, good, faint }: Palette,
  { leaveFrozen, stop }: Pick<CheckpointCommandOptions, 'leaveFrozen' | 'stop'> = {},
): string {
  if (state === 'requested') return `${strong(id)} ${faint('will be taken')}\n`;
  if (state === 'scheduled')
    return `${strong(id)} ${faint('is the schedule; `ckptree schedules` shows it, and `ckptree cancel` ends it')}\n`;
  const {
    tasks = 0,
    workers = 0,
    downtimeUs = 0,
    totalMs = 0,
    logicalBytes = 0,
    newBytes = 0,
    storedBytes = 0,
  } = figures;
  const afterwards = leaveFrozen
    ? 'They stand still from now on; `ckptree thaw` lets them run.\n'
    : stop
      ? 'They were ended; `ckptree restart` goes on from here.\n'
      : '';
  return `${strong(id)}
${plural(tasks, 'task')} on ${plural(workers, 'worker')} stood still for ${good(formatDuration(downtimeUs))}; saved in ${formatDuration(totalMs * 1_000)}
${formatBytes(logicalBytes)}, of which ${formatBytes(newBytes)} were new to the store and take ${formatBytes(storedBytes)}
${afterwards}`;
}
