import { putPayload, putRecord } from '../records.js';
import { encodeText } from '../text.js';
import type { RecordTarget } from './target.js';

/** What a failed checkpoint ends its image with: ERROR and the text. A NUL in the text becomes a space. */
export function putErrorRecord(target: RecordTarget, text: string): void {
  putRecord(target, 'ERROR', {});
  const clean = encodeText(text.replaceAll('\0', ' '));
  const payload = new Uint8Array(1 + clean.length);
  payload.set(clean, 1);
  putPayload(target, 'STRING', payload);
}
