import { CkptError } from '@ckptree/errors';

/** Objects and arrays within each other: whoever walks a message by recursion must not run out of stack. */
const MAX_NESTING = 600;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_BRACE, OPEN_BRACKET, CLOSE_BRACE, CLOSE_BRACKET] = [0x7b, 0x5b, 0x7d, 0x5d];

/** JSON from somebody who is not trusted. @throws EINVAL it is not JSON in UTF-8; E2BIG it is nested too deeply */
export function parseMessage(bytes: Uint8Array, what: string): unknown {
  holdNesting(bytes, what);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const empty = bytes.length === 0 ? 'it is empty' : (error as Error).message.slice(0, 200);
    throw new CkptError('EINVAL', `${what} is not JSON: ${empty}`, { field: '/' });
  }
}

export const messageBytes = (message: unknown): Uint8Array => Buffer.from(JSON.stringify(message));

/** Counts brackets outside of strings. Bytes that are not JSON may pass; the parser finds them out. */
function holdNesting(bytes: Uint8Array, what: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
    if (depth > MAX_NESTING)
      throw new CkptError('E2BIG', `${what} is nested more than ${MAX_NESTING} levels deep`, { field: '/' });
  }
}
