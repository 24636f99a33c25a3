import { CkptError } from '@ckptree/errors';

/** Bytes of UTF-8. */
export const MAX_TEXT_BYTES = 64 * 2 ** 20;
/** Objects and arrays within each other: whoever walks the document by recursion must not run out of stack. */
export const MAX_NESTING = 512;
/** Values in the whole document: an empty object takes three bytes of text and many times as many of memory. */
export const MAX_VALUES = 12_000_000;

/**
 * JSON from a source that is not trusted: the limits are held before anything is built.
 * @throws E2BIG a limit is passed; EINVAL it is not JSON
 */
export function parseJson(text: string): unknown {
  if (Buffer.byteLength(text) > MAX_TEXT_BYTES)
    throw new CkptError('E2BIG', `the document is larger than ${MAX_TEXT_BYTES / 2 ** 20} MiB`);
  holdLimits(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(text, error as SyntaxError);
  }
}

/** A value of the program's own as the text of a document; it may be cyclic, or hold what JSON has no word for. */
export function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    const code = error instanceof RangeError ? 'E2BIG' : 'EINVAL';
    throw new CkptError(code, 'the document cannot be written as JSON', {}, error);
  }
}

/** Counts brackets and commas outside of strings. Text that is not JSON may pass; the parser finds it out. */
function holdLimits(text: string): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(text, at);
    } else if (char === COMMA) {
      values++;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      values++;
      depth++;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      depth--;
    }
    if (depth > MAX_NESTING)
      throw new CkptError('E2BIG', `the document is nested more than ${MAX_NESTING} levels deep`, {
        position: at,
      });
    if (values > MAX_VALUES)
      throw new CkptError('E2BIG', `the document has more than ${MAX_VALUES} values`, { position: at });
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The closing quote of the string that opens at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** V8 quotes the place in its message, or says the position. */
function notJson(text: string, error: SyntaxError): CkptError {
  const position = /at position (\d+)/.exec(error.message)?.[1];
  if (position === undefined)
    return new CkptError('EINVAL', `the document is not JSON: ${error.message}`, {}, error);
  const before = text.slice(0, Number(position)).split('\n');
  const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`;
  const fields = { position: Number(position) };
  return new CkptError('EINVAL', `the document is not JSON: ${error.message} (${place})`, fields, error);
}
