import { type Static, Type } from '@ckptree/schema';
import { PathParam, PidParam } from '../programs/param-types.js';

export const MAX_TASKS = 1_000_000;
/** The largest pid: one less than PID_MAX_LIMIT on 64 bits (Linux 2.6.33, include/linux/threads.h). */
export const PID_MAX = 4_194_303;

const FileName = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

const File = Type.Object(
  {
    name: FileName('What tasks call it in `open`.'),
    path: PathParam("Relative to the spec's folder."),
    flags: Type.Union([Type.Literal('r'), Type.Literal('r+'), Type.Literal('w+'), Type.Literal('a')], {
      default: 'r',
      description: 'How it is opened: read; read and write; the same after truncating or creating; append.',
    }),
  },
  { additionalProperties: false, description: 'A file that is opened once, before any task runs.' },
);

const Descriptor = Type.Object(
  {
    fd: Type.Integer({ minimum: 0, maximum: 65_535 }),
    file: FileName('The name of one of `files`. Tasks that name the same one share its position.'),
  },
  { additionalProperties: false },
);

const taskFields = {
  pid: PidParam('One more than that of the task before it, depth-first, when absent; 1 for the root.'),
  comm: Type.Optional(
    Type.String({ pattern: '^[ -~]{1,15}$', description: 'Its name; that of the program when absent.' }),
  ),
  program: Type.String({ minLength: 1, maxLength: 64, description: 'What it runs.' }),
  params: Type.Optional(Type.Object({}, { description: "The program's parameters." })),
  open: Type.Optional(Type.Array(Descriptor, { maxItems: 1024, description: 'Its open descriptors.' })),
  share: Type.Optional(
    Type.Array(Type.Union([Type.Literal('mm'), Type.Literal('files')]), {
      maxItems: 2,
      uniqueItems: true,
      description:
        'What it shares with its parent: the address space (and then the program), the descriptor table.',
    }),
  ),
  session: Type.Optional(Type.Boolean({ description: 'It leads a session of its own.' })),
  group: Type.Optional(Type.Boolean({ description: 'It leads a process group of its own.' })),
  repeat: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_TASKS,
      description: 'So many tasks like this one, each with its children; `pid` is that of the first.',
    }),
  ),
};

export type TaskSpec = Static<ReturnType<typeof Type.Object<typeof taskFields>>> & {
  readonly children?: readonly TaskSpec[];
};

const taskReference = Type.Unsafe<TaskSpec>({ $ref: '#/$defs/task' });

const Task = Type.Object(
  { ...taskFields, children: Type.Optional(Type.Array(taskReference, { maxItems: MAX_TASKS })) },
  { additionalProperties: false },
);

/** What a SPEC.json says, as JSON Schema (draft 2020-12). */
export const SpecDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String({ maxLength: 4095 })),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    description: Type.Optional(Type.String({ maxLength: 65_536 })),
    cpus: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        description: 'Threads that the tasks run in; as many as the machine has cores when absent.',
      }),
    ),
    memoryMiB: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 2 ** 20, description: 'Simulated physical memory, in MiB.' }),
    ),
    files: Type.Optional(Type.Array(File, { maxItems: 65_536, description: 'Open files that tasks share.' })),
    root: taskReference,
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A tree of tasks for ckptree run',
    additionalProperties: false,
    $defs: { task: Task },
  },
);

export type SpecDocument = Static<typeof SpecDocument>;
