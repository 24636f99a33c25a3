import { Ajv2020, faultOf, type ValidateFunction } from '@ckptree/schema';

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
    return thorough.map((error) => {
      const { pointer, fault } = faultOf(error);
      const at = `${base}${pointer}`;
      return { pointer: at, sentence: `${at || 'the document'} ${fault}` };
    });
  };
}

/** The findings as one sentence. */
export function listed(findings: readonly Finding[]): string {
  const sentences = [...new Set(findings.map(({ sentence }) => sentence))];
  const shown = sentences.slice(0, MAX_LISTED);
  const more = sentences.length - shown.length;
  return (more > 0 ? [...shown, `and ${more} more`] : shown).join('; ');
}

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
