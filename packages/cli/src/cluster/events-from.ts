import type { EventsOptions } from '@ckptree/client';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { durationBetween } from '../arguments.js';

/** How long ago: `10m`. */
const parseAgo = durationBetween('1ms', '365d');

/** `beginning`, `now`, the sequence of an event that was seen, a time, or how long ago that was. */
export function eventsFrom(text: string): NonNullable<EventsOptions['from']> {
  if (text === 'beginning' || text === 'now') return text;
  // What was seen is not told again.
  if (/^\d{1,15}$/.test(text)) return { sequence: Number(text) + 1 };
  if (/^\d+[a-z]+$/.test(text)) return { time: new Date(Date.now() - parseAgo(text)) };
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return { time: new Date(time) };
  throw new InvalidArgumentError(
    'It must be beginning, now, the sequence of an event, a time such as 2026-11-23T12:00:00Z, or how long ago, such as 10m.',
  );
}
