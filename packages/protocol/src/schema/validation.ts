import { CkptError } from '@ckptree/errors';
import { type Fault, firstFaultOf, type Static, type TSchema } from '@ckptree/schema';
import { PROTOCOL_VERSION } from '../messages/definition.js';

/** A pointer says what a client sent, so no more of it is repeated. */
const MAX_POINTER = 256;

const checks = new WeakMap<object, (value: unknown) => Fault | undefined>();

/**
 * Gives a value its type.
 * @param what the value, for the message: `the request`
 * @throws EINVAL it is not as the schema has it; `field` is a JSON pointer to what is wrong
 */
export function validated<S extends TSchema>(schema: S, value: unknown, what: string): Static<S> {
  const found = checkOf(schema)(value);
  if (found === undefined) return value as Static<S>;
  throw invalid(what, found.pointer.slice(0, MAX_POINTER), found.fault);
}

export const isValid = <S extends TSchema>(schema: S, value: unknown): value is Static<S> =>
  checkOf(schema)(value) === undefined;

/** Refuses what another version of the protocol says, before anything else is looked at. @throws EINVAL */
export function checkVersion(value: unknown, what: string): void {
  const version =
    typeof value === 'object' && value !== null ? (value as { version?: unknown }).version : undefined;
  if (version === PROTOCOL_VERSION) return;
  const found =
    version === undefined ? 'is missing' : `is not ${PROTOCOL_VERSION}, the one that is spoken here`;
  throw invalid(what, '/version', found);
}

function checkOf(schema: object): (value: unknown) => Fault | undefined {
  const known = checks.get(schema);
  if (known !== undefined) return known;
  const check = firstFaultOf(schema);
  checks.set(schema, check);
  return check;
}

const invalid = (what: string, pointer: string, fault: string): CkptError =>
  new CkptError('EINVAL', `${what} is not valid: ${pointer || 'it'} ${fault}`, { field: pointer || '/' });
