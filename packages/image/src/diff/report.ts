import { type Static, Type } from '@ckptree/schema';
import { MOST_LISTED } from './listing.js';

/** The document that `diffTrees` gives, as JSON Schema and as type. */

const strict = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });
const Pid = Type.Integer();
const Hex = Type.String({ pattern: '^0x[0-9a-f]+$' });

const Field = Type.Object(
  {
    field: Type.String({ description: 'path of the field: `registers.ip`, `descriptors.3.file.pos`' }),
    a: Type.Optional(Type.String({ description: 'its value in A; absent: there is none' })),
    b: Type.Optional(Type.String()),
  },
  strict,
);

const Pages = Type.Object(
  {
    differ: Type.Integer({ minimum: 0, description: 'pages in both, with other contents' }),
    onlyInA: Count,
    onlyInB: Count,
    runs: Type.Array(
      Type.Object(
        {
          address: Hex,
          pages: Count,
          how: Type.Union([Type.Literal('differ'), Type.Literal('onlyInA'), Type.Literal('onlyInB')]),
        },
        strict,
      ),
      { description: 'where they are, ascending; the first ones where there are many' },
    ),
  },
  strict,
);

const Vma = Type.Object(
  {
    vma: Type.String({ description: '`start-end` in hexadecimal, as in A, or in B where A has none' }),
    onlyIn: Type.Optional(Type.Union([Type.Literal('a'), Type.Literal('b')])),
    fields: Type.Array(Field),
    pages: Type.Optional(Pages),
  },
  strict,
);

const Shared = {
  pids: Type.Array(Pid, { description: 'the tasks that use it in both images' }),
  a: Type.Integer({ description: 'its objref in A' }),
  b: Type.Integer({ description: 'its objref in B' }),
  fields: Type.Array(Field),
};

const TaskName = Type.Object({ pid: Pid, comm: Type.String() }, strict);

export const DIFF_SCHEMA = Type.Object(
  {
    equal: Type.Boolean({ description: 'nothing differs: every field, every page' }),
    head: Type.Array(Field),
    tasksOnlyInA: Type.Array(TaskName),
    tasksOnlyInB: Type.Array(TaskName),
    tasks: Type.Array(Type.Object({ pid: Pid, comm: Type.String(), fields: Type.Array(Field) }, strict)),
    fileTables: Type.Array(Type.Object(Shared, strict)),
    addressSpaces: Type.Array(Type.Object({ ...Shared, vmas: Type.Array(Vma) }, strict)),
    moreDifferences: Type.Integer({
      minimum: 0,
      description: `how many more entries there would be: some ${MOST_LISTED} are listed`,
    }),
    pages: Type.Object(
      { compared: Count, differ: Count, onlyInA: Count, onlyInB: Count },
      { ...strict, description: 'of the address spaces that both images have' },
    ),
  },
  {
    ...strict,
    title: 'How two checkpoint images differ',
    description: 'Only what differs is listed. Tasks are matched by pid, vmas by their start.',
  },
);

export type DiffReport = Static<typeof DIFF_SCHEMA>;
export type FieldDifference = Static<typeof Field>;
export type PageDifferences = Static<typeof Pages>;
export type VmaDifference = Static<typeof Vma>;
export type AddressSpaceDifference = DiffReport['addressSpaces'][number];
