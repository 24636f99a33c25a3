import { asCkptError } from '@ckptree/errors';
import { type ClusterEvent, EVENTS, type EventType } from '../events/event.js';
import { type EventSubjectFilter, eventFilterSubject } from '../events/event-subject.js';
import { parseMessage } from '../schema/json-message.js';
import { checkVersion, validated } from '../schema/validation.js';
import { STREAMS } from '../subjects.js';
import type { Connection } from './connection.js';
import type { Delivered } from './delivered.js';
import { orderedMessages, type Start } from './ordered.js';

/** An event as the stream has it. */
export interface StoredEvent {
  /** Where it stands in the stream: who has seen it goes on at the next. */
  readonly sequence: number;
  readonly event: ClusterEvent;
}

/** All that are given must be so. */
export interface EventFilter extends EventSubjectFilter {
  readonly types?: readonly EventType[];
  /** Root of the tree, or the task that is checkpointed. */
  readonly pid?: number;
  readonly name?: string;
  /** The event has all of these. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ReadEventsOptions {
  readonly from?: Exclude<Start, { at: 'newest of each' }>;
  readonly filter?: EventFilter;
  /** Wait for what comes when all is read; otherwise end. Default true. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when everything that was there at the beginning has been given out. */
  readonly onCaughtUp?: () => void;
}

/**
 * Events in their order, each once, over any outage. By default from now on. What is no event that is known here, a
 * newer one perhaps, is passed over and told to the connection's observer.
 * @throws as orderedMessages()
 */
export async function* readEvents(
  connection: Connection,
  options: ReadEventsOptions = {},
): AsyncGenerator<StoredEvent> {
  const { from = { at: 'now' }, filter = {}, follow, signal, onCaughtUp } = options;
  const passes = matcherOf(filter);
  const messages = orderedMessages(connection, {
    stream: STREAMS.events,
    filter: eventFilterSubject(filter),
    start: from,
    signal,
    ...(follow !== undefined && { follow }),
    ...(onCaughtUp !== undefined && { onCaughtUp }),
  });
  for await (const delivered of messages) {
    const event = eventOf(connection, delivered);
    if (event !== undefined && passes(event)) yield { sequence: delivered.sequence, event };
  }
}

function eventOf(connection: Connection, { message }: Delivered): ClusterEvent | undefined {
  try {
    const what = 'the event';
    const body = parseMessage(message.data, what);
    checkVersion(body, what);
    const { type } = body as { type?: unknown };
    if (typeof type !== 'string' || !Object.hasOwn(EVENTS, type)) return undefined;
    return validated(EVENTS[type as EventType], body, what);
  } catch (error) {
    const { code } = asCkptError(error);
    connection.observe({ name: 'event', outcome: 'invalid', code, durationMs: 0 });
    return undefined;
  }
}

function matcherOf({ types, pid, name, labels, ...subject }: EventFilter): (event: ClusterEvent) => boolean {
  const wanted: Readonly<Record<string, unknown>> = { ...subject, name };
  const labelled = Object.entries(labels ?? {});
  return (event) => {
    const fields = event as Readonly<Record<string, unknown>> & { labels?: Record<string, string> };
    return (
      (types === undefined || types.includes(event.type)) &&
      (pid === undefined || fields.pid === pid || fields.rootPid === pid) &&
      Object.entries(wanted).every(([field, value]) => value === undefined || fields[field] === value) &&
      labelled.every(([label, value]) => fields.labels?.[label] === value)
    );
  };
}
