const STEP = '  ';

/** A report as `--json` prints it. */
export function* jsonDocument(report: unknown): Generator<string> {
  yield* jsonPieces(report);
  yield '\n';
}

/**
 * `JSON.stringify(value, undefined, 2)` in pieces: a report of a large image is more than one string can hold.
 * @param value plain data
 */
export function* jsonPieces(value: unknown, indent = ''): Generator<string> {
  const inner = indent + STEP;
  if (!isNested(value)) yield indented(value, indent);
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield `${index === 0 ? '[' : ','}\n${inner}`;
      yield* jsonPieces(item === undefined ? null : item, inner);
    }
    yield `\n${indent}]`;
  } else {
    let opening = '{';
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined) continue;
      yield `${opening}\n${inner}${JSON.stringify(name)}: `;
      yield* jsonPieces(item, inner);
      opening = ',';
    }
    yield `\n${indent}}`;
  }
}

const indented = (value: unknown, indent: string): string =>
  // Within strings there are no line ends: they are escaped.
  JSON.stringify(value, undefined, STEP).replaceAll('\n', `\n${indent}`);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Objects and arrays of such. What holds none of them is small. */
const isNested = (value: unknown): value is object => isObject(value) && Object.values(value).some(isObject);
