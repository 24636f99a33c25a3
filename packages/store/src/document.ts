import { CkptError } from '@ckptree/errors';
import { Ajv } from 'ajv';
import type { Static, TSchema } from 'typebox';

const ajv = new Ajv({ allErrors: false, strict: true });

/** The check of one kind of document. @returns a function that gives the document its type, or throws EBADMSG */
export function documentCheck<S extends TSchema>(schema: S): (name: string, document: unknown) => Static<S> {
  const validate = ajv.compile(schema);
  return (name, document) => {
    if (validate(document)) return document as Static<S>;
    const [error] = validate.errors ?? [];
    const field = error?.instancePath ?? '';
    throw new CkptError(
      'EBADMSG',
      `${name} is not as it should be: ${field || 'the document'} ${error?.message ?? ''}`,
      {
        path: name,
        field,
      },
    );
  };
}
