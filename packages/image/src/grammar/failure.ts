import { RECORD_HEADER_SIZE } from '../constants.js';
import { between } from '../lengths.js';
import { printable } from '../printable.js';
import { decodeText } from '../text.js';
import type { State } from './state.js';
import { fixed, payload, type Transition, type Transitions } from './transition.js';

/** Longest text of a failed checkpoint that is looked at, in bytes. */
export const LONGEST_FAILURE = 32 * 1024;

/** ERROR may stand anywhere: a checkpoint fails where it fails. */
export const error: Transition = fixed('ERROR', () => 'error-text');

/** The text of a failed checkpoint: between a NUL and a NUL. */
export const failureText = (bytes: Uint8Array): string | undefined =>
  bytes[0] === 0 ? decodeText(bytes.subarray(1)) : undefined;

export const failureStates = {
  'error-text': {
    STRING: payload(
      between(RECORD_HEADER_SIZE + 2, RECORD_HEADER_SIZE + LONGEST_FAILURE),
      (context, { bytes, position }) => {
        const text = failureText(bytes);
        if (text === undefined)
          context.report(
            'text',
            position + RECORD_HEADER_SIZE,
            'the error text is not UTF-8 between two NULs',
          );
        context.report(
          'checkpoint-failed',
          position,
          `the checkpoint failed: ${text === undefined ? 'its error text is damaged' : printable(text)}`,
        );
        return 'failed';
      },
    ),
  },
} satisfies Partial<Record<State, Transitions>>;
