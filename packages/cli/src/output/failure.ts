import { type ErrorData, type ErrorFields, errorToData } from '@ckptree/errors';
import type { Failure } from './failure-schema.js';
import type { Palette } from './palette.js';
import { printable } from './printable.js';

export function failureOf(error: unknown): Failure {
  const { code, message, fields } = errorToData(error);
  return { code, message, fields };
}

/**
 * An error for people: the sentence, the place as far as the sentence does not name it, and what is underneath
 * when they ask for it. Never a stack.
 */
export function formatFailure(error: unknown, palette: Palette, verbose: boolean): string {
  const data = errorToData(error);
  const place = placeOf(data);
  const lines = [
    `${palette.strong('ckptree:')} ${palette.bad(data.code)}: ${printable(data.message)}`,
    ...(place === '' ? [] : [`  at ${place}`]),
    ...(verbose ? causesOf(data).map((cause) => `  because of ${describeFailure(cause)}`) : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** An error in one line, to be said with other things. */
export function describeFailure({ code, message, fields }: Omit<ErrorData, 'cause'>): string {
  const place = placeOf({ message, fields });
  return `${code}: ${printable(message)}${place === '' ? '' : ` (at ${place})`}`;
}

const PLACES: { readonly [Field in keyof ErrorFields]-?: (value: string, fields: ErrorFields) => string } = {
  path: (value) => value,
  position: (value) => `byte ${value}`,
  field: (value) => value,
  pid: (value, { comm }) => `task ${value}${comm === undefined ? '' : ` (${comm})`}`,
  comm: () => '',
  object: (value, { objref }) => `${value}${objref === undefined ? '' : ` ${objref}`}`,
  objref: () => '',
  vma: (value) => `vma ${value}`,
  worker: (value) => `worker ${value}`,
};

/** Where it happened, as far as the sentence does not say so. */
function placeOf({ message, fields }: Pick<ErrorData, 'message' | 'fields'>): string {
  return (Object.keys(PLACES) as (keyof ErrorFields)[])
    .filter((field) => fields[field] !== undefined && !hasWord(message, String(fields[field])))
    .map((field) => PLACES[field](String(fields[field]), fields))
    .filter((text) => text !== '')
    .map(printable)
    .join(', ');
}

/** Whether a text says something by itself: task 1 is not told by `1023 frames`. */
const hasWord = (text: string, word: string): boolean =>
  new RegExp(`(?<!\\w)${word.replaceAll(/\W/g, '\\$&')}(?!\\w)`).test(text);

function causesOf({ cause }: ErrorData): readonly ErrorData[] {
  return cause === undefined ? [] : [cause, ...causesOf(cause)];
}
