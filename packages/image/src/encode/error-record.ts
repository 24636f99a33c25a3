import { encodePayload, encodeRecord } from '../records.js';
import { encodeText } from '../text.js';
import { join } from './join.js';

/** What a failed checkpoint ends its image with: ERROR and the text. A NUL in the text becomes a space. */
export function encodeErrorRecord(text: string): Uint8Array {
  const payload = join(Uint8Array.of(0), encodeText(text.replaceAll('\0', ' ')));
  return join(encodeRecord('ERROR', {}), encodePayload('STRING', payload));
}
