import { CkptError } from '@ckptree/errors';
import {
  type ClusterEvent,
  type Connection,
  type EventFilter,
  readEvents,
  type Start,
  type StoredEvent,
} from '@ckptree/protocol';

/** An event, with its place in the stream: who has seen it goes on at the next. */
export type ClientEvent = ClusterEvent & { readonly sequence: number };

export interface EventsOptions {
  /** Default `now`. */
  readonly from?: 'beginning' | 'now' | { readonly sequence: number } | { readonly time: Date };
  readonly filter?: EventFilter;
  /** Wait for what comes when all is read; otherwise end. Default true. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  /** Called once, when everything that was there at the beginning has been given out. */
  readonly onCaughtUp?: () => void;
}

/**
 * Events in their order, each once, over any outage. Ends without a word when the signal says so.
 * @throws EINVAL `from` is no place; ENOENT there is no cluster on this server; EIO NATS has lost the events, begin anew; EPERM this
 *   user may not; EPIPE the client was closed
 */
export async function* eventsOf(
  connection: Connection,
  { from = 'now', ...options }: EventsOptions,
): AsyncGenerator<ClientEvent> {
  for await (const stored of readEvents(connection, { ...options, from: startOf(from) })) yield flat(stored);
}

const flat = ({ event, sequence }: StoredEvent): ClientEvent => ({ ...event, sequence });

function startOf(from: NonNullable<EventsOptions['from']>): Exclude<Start, { at: 'newest of each' }> {
  if (typeof from === 'string') return { at: from };
  const place = 'sequence' in from ? from.sequence : from.time.getTime();
  if (Number.isNaN(place))
    throw new CkptError('EINVAL', 'the place from which events are to be read is no number, or no time', {
      field: 'from',
    });
  return 'sequence' in from ? { at: 'sequence', sequence: place } : { at: 'time', time: from.time };
}
