import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** A document with more values than this is told its first fault only: a list of all could be larger than itself. */
const MAX_VALUES_FOR_ALL = 10_000;
/** More findings than this are counted, not listed. */
const MAX_LISTED = 10;

export interface Finding {
  /** JSON pointer to the value at fault. */
  readonly pointer: string;
  /** What is wrong with it; begins with the pointer. */
  readonly sentence: string;
}

/** Validates a value and fills in defaults, in place. @returns what is wrong with it; nothing when it is valid */
export type Validator = (value: unknown, base?: string) => readonly Finding[];

/** The schemas are our own and tests hold them valid; checking them again costs more than compiling them. */
const OPTIONS = { useDefaults: true, formats: { path: true }, validateSchema: false } as const;
const firstFault = lazy(() => new Ajv2020({ ...OPTIONS, allErrors: false }));
const allFaults = lazy(() => new Ajv2020({ ...OPTIONS, allErrors: true }));

/** A validator of a JSON Schema (draft 2020-12); compiled when it is first used. */
export function validatorOf(schema: object): Validator {
  const first = lazy(() => firstFault().compile(schema));
  const all = lazy(() => allFaults().compile(schema));
  const errorsBy = (validate: ValidateFunction, value: unknown) =>
    validate(value) ? [] : (validate.errors ?? []);
  return (value, base = '') => {
    const errors = errorsBy(first(), value);
    const thorough = errors.length > 0 && isSmall(value) ? errorsBy(all(), value) : errors;
    return thorough.map((error) => findingOf(error, base));
  };
}

/** The findings as one sentence. */
export function listed(findings: readonly Finding[]): string {
  const sentences = [...new Set(findings.map(({ sentence }) => sentence))];
  const shown = sentences.slice(0, MAX_LISTED);
  const more = sentences.length - shown.length;
  return (more > 0 ? [...shown, `and ${more} more`] : shown).join('; ');
}

function findingOf(error: ErrorObject, base: string): Finding {
  const pointer = pointerOf(error, base);
  return { pointer, sentence: `${pointer || 'the document'} ${faultOf(error)}` };
}

/** Where the fault is: for a property that is missing or too much, that property itself. */
function pointerOf({ instancePath, params }: ErrorObject, base: string): string {
  const property: unknown = params.missingProperty ?? params.additionalProperty;
  const at = `${base}${instancePath}`;
  return typeof property === 'string' ? `${at}/${escapePointer(property)}` : at;
}

function faultOf({ keyword, params, message }: ErrorObject): string {
  if (keyword === 'required') return 'is missing';
  if (keyword === 'additionalProperties') return 'is not known here';
  if (keyword === 'const') return `must be ${JSON.stringify(params.allowedValue)}`;
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
  return message ?? 'is not valid';
}

/** As RFC 6901 has it; a key that somebody made very long is cut. */
const escapePointer = (key: string): string => key.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');

function isSmall(value: unknown): boolean {
  const left = [value];
  for (let values = 0; left.length > 0; values++) {
    if (values + left.length > MAX_VALUES_FOR_ALL) return false;
    const next = left.pop();
    if (typeof next === 'object' && next !== null)
      for (const inner of Object.values(next)) {
        left.push(inner);
        if (left.length > MAX_VALUES_FOR_ALL) return false;
      }
  }
  return true;
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
