import { type Static, Type } from '@ckptree/schema';

const Fields = Type.Object(
  {
    pid: Type.Optional(Type.Integer({ description: 'The task.' })),
    comm: Type.Optional(Type.String({ description: 'Its name.' })),
    object: Type.Optional(
      Type.String({ description: 'The type of the shared object: MM, FILE, FILE_TABLE.' }),
    ),
    objref: Type.Optional(Type.Integer({ description: 'The number of that object in the image.' })),
    vma: Type.Optional(Type.String({ description: 'The vma, as start-end in hexadecimal.' })),
    position: Type.Optional(Type.Integer({ description: 'Byte position in the image, core or document.' })),
    path: Type.Optional(Type.String({ description: 'The file at fault.' })),
    field: Type.Optional(
      Type.String({ description: 'The option, or the place in the document as a JSON pointer.' }),
    ),
    worker: Type.Optional(Type.String({ description: 'The worker of a cluster.' })),
  },
  { additionalProperties: false, description: 'Where it happened, as far as known.' },
);

/** An error as it stands in reports. */
export const Failure = Type.Object(
  {
    code: Type.String({ description: 'EBUSY, ENOENT, ...: see docs/cli.md.' }),
    message: Type.String({ description: 'What happened and what to do about it, in one sentence.' }),
    fields: Fields,
  },
  { additionalProperties: false },
);
export type Failure = Static<typeof Failure>;

/** What `--json` prints when a command could not do its work. */
export const FailureReport = Type.Object({ error: Failure }, { additionalProperties: false });
