import { Ajv2020, type ErrorObject, type ValidateFunction } from './ajv.js';

/** One place where a value is not as its schema has it. */
export interface Fault {
  /** JSON pointer (RFC 6901) to what is wrong, or to the property that is missing or too much; empty for the whole. */
  readonly pointer: string;
  /** What is wrong with it, as the end of a sentence that begins with the pointer. */
  readonly fault: string;
}

/** What ajv found, in our words. */
export function faultOf({ instancePath, keyword, params, message }: ErrorObject): Fault {
  const property: unknown = params.missingProperty ?? params.additionalProperty;
  const pointer = typeof property === 'string' ? `${instancePath}/${escapePointer(property)}` : instancePath;
  return { pointer, fault: inWords(keyword, params, message) };
}

/** One for all schemas, as making one takes longer than compiling most of them; made when it is first needed. */
let ajv: Ajv2020 | undefined;

/**
 * Looks for the first fault of a value. The schema is compiled when it is first needed; it is our own, and tests hold it valid,
 * so it is not checked itself each time.
 */
export function firstFaultOf(schema: object): (value: unknown) => Fault | undefined {
  let compiled: ValidateFunction | undefined;
  return (value) => {
    ajv ??= new Ajv2020({ allErrors: false, validateSchema: false, strict: false });
    compiled ??= ajv.compile(schema);
    if (compiled(value)) return undefined;
    const [error] = compiled.errors ?? [];
    return error === undefined ? { pointer: '', fault: 'is not valid' } : faultOf(error);
  };
}

function inWords(keyword: string, params: ErrorObject['params'], message = 'is not valid'): string {
  if (keyword === 'required') return 'is missing';
  if (keyword === 'additionalProperties') return 'is not known here';
  if (keyword === 'const') return `must be ${JSON.stringify(params.allowedValue)}`;
  if (keyword === 'enum') return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
  return message;
}

/** As RFC 6901 has it; a key that somebody made very long is cut. */
const escapePointer = (key: string): string => key.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');
