import { CkptError } from '@ckptree/errors';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Static, TSchema } from 'typebox';
import { PROTOCOL_VERSION } from '../messages/definition.js';

/** The schemas are our own, and a test holds them valid; the first fault is enough to name a field. */
const ajv = new Ajv2020({ allErrors: false, validateSchema: false, strict: false });
const compiled = new WeakMap<object, ValidateFunction>();

/**
 * Gives a value its type.
 * @param what the value, for the message: `the request`
 * @throws EINVAL it is not as the schema has it; `field` is a JSON pointer to what is wrong
 */
export function validated<S extends TSchema>(schema: S, value: unknown, what: string): Static<S> {
  const validate = validatorOf(schema);
  if (validate(value)) return value as Static<S>;
  const [error] = validate.errors ?? [];
  throw invalid(
    what,
    error === undefined ? '' : pointerOf(error),
    error === undefined ? 'is not valid' : faultOf(error),
  );
}

export const isValid = <S extends TSchema>(schema: S, value: unknown): value is Static<S> =>
  validatorOf(schema)(value) as boolean;

/** Refuses what another version of the protocol says, before anything else is looked at. @throws EINVAL */
export function checkVersion(value: unknown, what: string): void {
  const version =
    typeof value === 'object' && value !== null ? (value as { version?: unknown }).version : undefined;
  if (version === PROTOCOL_VERSION) return;
  const found =
    version === undefined ? 'is missing' : `is not ${PROTOCOL_VERSION}, the one that is spoken here`;
  throw invalid(what, '/version', found);
}

function validatorOf(schema: object): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const validate = ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

const invalid = (what: string, pointer: string, fault: string): CkptError =>
  new CkptError('EINVAL', `${what} is not valid: ${pointer || 'it'} ${fault}`, { field: pointer || '/' });

/** Where the fault is: for a property that is missing, that property itself. */
function pointerOf({ instancePath, params }: ErrorObject): string {
  const missing: unknown = params.missingProperty;
  return (typeof missing === 'string' ? `${instancePath}/${missing}` : instancePath).slice(0, 256);
}

function faultOf({ keyword, params, message = 'is not valid' }: ErrorObject): string {
  if (keyword === 'required') return 'is missing';
  if (keyword === 'const') return `must be ${JSON.stringify(params.allowedValue)}`;
  return message;
}
