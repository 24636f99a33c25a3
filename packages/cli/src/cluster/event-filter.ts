import { EVENTS, type EventFilter, type EventType } from '@ckptree/protocol';
import { InvalidArgumentError } from '@commander-js/extra-typings';
import { parsePid } from '../arguments.js';
import { usageError } from '../usage-error.js';

/**
 * `type=failed`, `root=1`, ...: all that are given must hold; of several types one.
 * @throws a usage error of the option --filter
 */
export function eventFilter(texts: readonly string[]): EventFilter {
  let filter: EventFilter = {};
  for (const text of texts)
    try {
      filter = narrowed(filter, text);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw usageError(`option '--filter <what>' argument '${text}' is invalid. ${error.message}`);
    }
  return filter;
}

function narrowed(before: EventFilter, text: string): EventFilter {
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
