import { CkptError } from '@ckptree/errors';
import { type Static, Type } from '@ckptree/schema';
import { printable } from './printable.js';
import { type FindingCode, RULES } from './rules.js';

const strict = { additionalProperties: false };

/** One breach of a rule of the format, as JSON Schema. */
export const FINDING_SCHEMA = Type.Object(
  {
    code: Type.Enum(Object.keys(RULES) as FindingCode[], { description: 'the rule that is broken' }),
    position: Type.Integer({ minimum: 0, description: 'in the image, in bytes' }),
    message: Type.String({ description: 'what is wrong, in one sentence' }),
    place: Type.Object(
      {
        pid: Type.Optional(Type.Integer()),
        comm: Type.Optional(Type.String()),
        object: Type.Optional(Type.String({ description: 'type of the shared object' })),
        objref: Type.Optional(Type.Integer()),
        vma: Type.Optional(Type.String({ description: '`start-end` in hexadecimal' })),
      },
      { ...strict, description: 'the task, shared object and vma that it concerns, as far as known' },
    ),
  },
  strict,
);

/** One breach of a rule of the format. */
export type Finding = Static<typeof FINDING_SCHEMA>;

/** The finding as the error that a strict reader throws. */
export function findingError({ code, position, message, place }: Finding): CkptError {
  const comm = place.comm ? ` (${printable(place.comm)})` : '';
  const task = place.pid === undefined ? '' : `, task ${place.pid}${comm}`;
  return new CkptError(RULES[code].error, `image byte ${position}${task}: ${message}`, {
    ...place,
    position,
  });
}
