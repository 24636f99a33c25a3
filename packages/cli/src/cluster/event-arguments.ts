import type { EventsOptions } from '@ckptree/client';
import { EVENTS, type EventFilter, type EventType } from '@ckptree/protocol';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { parsePid } from '../arguments.js';

/** `beginning`, `now`, the sequence of an event that was seen, or a time. */
export function eventsFrom(text: string): NonNullable<EventsOptions['from']> {
  if (text === 'beginning' || text === 'now') return text;
  // What was seen is not told again.
  if (/^\d{1,15}$/.test(text)) return { sequence: Number(text) + 1 };
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return { time: new Date(time) };
  throw new InvalidArgumentError(
    'It must be beginning, now, the sequence of an event, or a time such as 2026-11-23T12:00:00Z.',
  );
}

/** `type=failed`, `root=1`, ...: all that are given must hold; of several types one. */
export function eventFilter(text: string, before: EventFilter = {}): EventFilter {
  const [, what, value] = /^([a-z]+)=(.+)$/u.exec(text) ?? [];
  switch (what) {
    case 'type':
      return { ...before, types: [...(before.types ?? []), eventType(value!)] };
    case 'checkpoint':
      return { ...before, checkpoint: value! };
    case 'tree':
      return { ...before, tree: value! };
    case 'worker':
      return { ...before, worker: value! };
    case 'name':
      return { ...before, name: value! };
    case 'root':
      return { ...before, pid: parsePid(value!) };
    case 'label': {
      const [, key, label] = /^([^=]+)=(.*)$/u.exec(value!) ?? [];
      if (key !== undefined && label !== undefined)
        return { ...before, labels: { ...before.labels, [key]: label } };
      throw new InvalidArgumentError('A label is KEY=VALUE: label=app=db.');
    }
    default:
      throw new InvalidArgumentError(
        'It must be type=T, checkpoint=ID, root=PID, tree=ID, worker=ID, name=N or label=K=V.',
      );
  }
}

function eventType(text: string): EventType {
  if (Object.hasOwn(EVENTS, text)) return text as EventType;
  throw new InvalidArgumentError(`There is no such event; there are ${Object.keys(EVENTS).join(', ')}.`);
}
