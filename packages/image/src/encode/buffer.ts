import { encodePayload } from '../records.js';
import { encodeText } from '../text.js';

/** Plain bytes as a BUFFER record. */
export const encodeBuffer = (bytes: Uint8Array): Uint8Array => encodePayload('BUFFER', bytes);

/** Text and its NUL as a STRING record. @throws EINVAL the text holds a NUL */
export const encodeString = (text: string): Uint8Array => encodePayload('STRING', encodeText(text));
