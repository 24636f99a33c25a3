import { CkptError } from '@ckptree/errors';
import { Ajv, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';

/** The check of one kind of document. @returns a function that gives the document its type, or throws EBADMSG */
export function documentCheck<S extends TSchema>(schema: S): (name: string, document: unknown) => Static<S> {
  let compiled: ValidateFunction | undefined;
  return (name, document) => {
    // When it is first needed: a checkpoint on one machine needs none.
    compiled ??= new Ajv({ allErrors: false, validateSchema: false }).compile(schema);
    const validate = compiled;
    if (validate(document)) return document as Static<S>;
    const [error] = validate.errors ?? [];
    const field = error?.instancePath || '/';
    throw new CkptError('EBADMSG', `${name} is not as it should be: ${field} ${error?.message ?? ''}`, {
      field,
    });
  };
}
