import { CkptError } from '@ckptree/errors';
import type { Static, TSchema } from 'typebox';
import { firstFaultOf } from './fault.js';

/** Gives a document its type. @param name of the document, for the message: a path, say */
export type DocumentCheck<S extends TSchema> = (name: string, document: unknown) => Static<S>;

/**
 * The check of one kind of document that was written earlier, by us or by somebody who says so.
 * @returns a function that throws EBADMSG when the document is not as the schema has it; `path` is its name, `field` a JSON
 *   pointer to what is wrong
 */
export function documentCheck<S extends TSchema>(schema: S): DocumentCheck<S> {
  const firstFault = firstFaultOf(schema);
  return (name, document) => {
    const found = firstFault(document);
    if (found === undefined) return document as Static<S>;
    const message = `${name} is not as it should be: ${found.pointer || 'the document'} ${found.fault}`;
    throw new CkptError('EBADMSG', message, { path: name, field: found.pointer || '/' });
  };
}
