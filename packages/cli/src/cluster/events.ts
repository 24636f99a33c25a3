import type { ClientEvent, EventsOptions } from '@ckptree/client';
import { type Static, Type } from '@ckptree/schema';
import { printable } from '../output/printable.js';
import { formatBytes, formatDuration, plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

export const EventsReport = Type.Object(
  { events: Type.Integer({ minimum: 0, description: 'Events that were told, a line of JSON each.' }) },
  { additionalProperties: false },
);
type EventsReport = Static<typeof EventsReport>;

export interface EventsCommandOptions extends ClusterOptions {
  readonly json?: true | undefined;
  readonly follow?: true | undefined;
  readonly from?: EventsOptions['from'];
  readonly filter?: EventsOptions['filter'];
}

/** Tells events, a line each; with --json a document each. */
export function events(
  { from, filter, ...options }: EventsCommandOptions,
  session: Session,
): Promise<Outcome<EventsReport>> {
  const [follow, json] = [options.follow === true, options.json === true];
  return withClient(options, session, async (client) => {
    let count = 0;
    const asked = {
      from: from ?? (follow ? 'now' : 'beginning'),
      follow,
      signal: session.signal,
      ...(filter !== undefined && { filter }),
    } as const;
    for await (const event of client.events(asked)) {
      count++;
      session.print(json ? `${JSON.stringify(event)}\n` : `${describeEvent(event)}\n`);
    }
    // Who ends it with Ctrl-C has seen what there was to see.
    return { report: { events: count }, exitCode: 0, printed: true };
  });
}

/** An event in one line. */
export function describeEvent(event: ClientEvent): string {
  return printable(`${event.at}  ${event.type.padEnd(13)} ${subjectOf(event)}  ${detailOf(event)}`.trimEnd());
}

function subjectOf(event: ClientEvent): string {
  if ('pid' in event)
    return `${event.checkpoint} of task ${event.pid}${event.name === undefined ? '' : ` (${event.name})`}`;
  if ('tree' in event && 'rootPid' in event) return `tree ${event.tree} of task ${event.rootPid}`;
  return 'worker' in event ? event.worker : '';
}

function detailOf(event: ClientEvent): string {
  switch (event.type) {
    case 'prepared':
    case 'resumed':
      return event.figures.downtimeUs === undefined
        ? plural(event.figures.tasks ?? 0, 'task')
        : `stood still for ${formatDuration(event.figures.downtimeUs)}`;
    case 'progress':
      return `${event.worker}: ${formatBytes(event.bytes)} of ${formatBytes(event.totalBytes)}`;
    case 'stored':
    case 'completed':
      return `${formatBytes(event.figures.logicalBytes ?? 0)}, ${formatBytes(event.figures.storedBytes ?? 0)} stored, ${formatDuration((event.figures.totalMs ?? 0) * 1_000)}`;
    case 'failed':
      return `${event.error.code}: ${event.error.message}`;
    case 'spawned':
    case 'restarted':
      return `${plural(event.tasks, 'task')} on ${event.workers.join(', ')}`;
    case 'task-ended':
      return `${event.worker}: ${event.ends.map(({ pid, exitCode }) => `${pid} (${exitCode})`).join(', ')}`;
    case 'ended':
      return plural(event.tasks, 'task');
    case 'worker.lost':
      return [event.reason, ...(event.trees ?? [])].join(' ');
    default:
      return '';
  }
}
