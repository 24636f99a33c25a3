import { RECORD_HEADER_SIZE } from '../constants.js';
import { decodeText } from '../text.js';
import type { Context } from './context.js';
import type { RecordBody } from './transition.js';

/** The text of a record's body; empty, and reported, when it is none. @param what it is, for the message */
export function readText(context: Context, { bytes, position }: RecordBody, what: string): string {
  const text = decodeText(bytes);
  if (text === undefined)
    context.report(
      'text',
      position + RECORD_HEADER_SIZE,
      `the ${what} is not UTF-8 text ended by a NUL with only zeros behind it`,
    );
  return text ?? '';
}
