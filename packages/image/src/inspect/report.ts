import { CPU_REGISTERS, SEGMENT_REGISTERS } from '@ckptree/model';
import { type Static, Type } from '@ckptree/schema';
import { KERNEL_CONSTANTS } from '../constants.js';

/** The document that `inspectImage` gives, as JSON Schema and as type. Addresses are hexadecimal, 64-bit numbers decimal. */

const strict = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });
const Pid = Type.Integer();
const Objref = Type.Integer({ minimum: 1, description: 'a shared object of this image' });
const Hex = Type.String({ pattern: '^0x[0-9a-f]+$' });
const Decimal = Type.String({ pattern: '^[0-9]+$' });

const every = <Name extends string, S>(names: readonly Name[], schema: S) =>
  Object.fromEntries(names.map((name) => [name, schema])) as Record<Name, S>;

const Head = Type.Object(
  {
    kernel: Type.String({ description: 'version of the kernel that the format belongs to' }),
    revision: Count,
    architecture: Type.String(),
    release: Type.String(),
    version: Type.String(),
    machine: Type.String(),
    time: Type.String({ pattern: '^[0-9]+$', description: 'seconds since 1970' }),
    taken: Type.Optional(Type.String({ description: 'the same as a date, where it is one' })),
    kind: Type.Union([Type.Literal('subtree'), Type.Literal('container')]),
    lsm: Type.String({ description: 'name of the security module' }),
    constants: Type.Object(
      every(Object.keys(KERNEL_CONSTANTS) as (keyof typeof KERNEL_CONSTANTS)[], Count),
      strict,
    ),
    arch: Type.Object({ has_fxsr: Count, has_xsave: Count, xstate_size: Count }, strict),
  },
  strict,
);

const Totals = Type.Object(
  {
    tasks: Count,
    zombies: Count,
    addressSpaces: Count,
    vmas: Count,
    pages: Count,
    fileTables: Count,
    descriptors: Count,
    files: Count,
  },
  strict,
);

const Registers = Type.Object(
  { ...every(CPU_REGISTERS, Hex), ...every(SEGMENT_REGISTERS, Hex), used_math: Count },
  strict,
);

const Task = Type.Object(
  {
    pid: Pid,
    ppid: Pid,
    tgid: Pid,
    pgid: Pid,
    sid: Pid,
    comm: Type.String(),
    state: Type.String({ description: 'running, interruptible, stopped, zombie, or a number' }),
    exitCode: Type.Integer(),
    exitSignal: Type.Integer(),
    pdeathSignal: Type.Integer(),
    setChildTid: Hex,
    clearChildTid: Hex,
    robustList: Hex,
    mm: Type.Optional(Objref),
    files: Type.Optional(Objref),
    registers: Type.Optional(Registers),
  },
  strict,
);

const Run = Type.Object(
  {
    address: Hex,
    pages: Count,
    position: Type.Integer({ minimum: 0, description: 'of the first page in the image, in bytes' }),
  },
  strict,
);

const Vma = Type.Object(
  {
    start: Hex,
    end: Hex,
    kind: Type.String({ description: 'anonymous, file, or the name of a special mapping' }),
    flags: Type.String({ description: 'names of the VM flags' }),
    pageProt: Hex,
    pgoff: Count,
    file: Type.Optional(Objref),
    size: Type.Integer({ minimum: 0, description: 'in pages' }),
    pages: Type.Integer({ minimum: 0, description: 'pages whose contents are in the image' }),
    runs: Type.Optional(Type.Array(Run)),
  },
  strict,
);

const LAYOUT = [
  'startCode',
  'endCode',
  'startData',
  'endData',
  'startBrk',
  'brk',
  'startStack',
  'argStart',
  'argEnd',
  'envStart',
  'envEnd',
] as const;

const AddressSpace = Type.Object(
  {
    objref: Objref,
    users: Type.Array(Pid, { description: 'tasks that use it' }),
    exe: Type.Optional(Objref),
    flags: Hex,
    defFlags: Hex,
    layout: Type.Object(every(LAYOUT, Hex), strict),
    auxv: Type.Array(Type.Object({ type: Decimal, value: Hex }, strict), {
      description: 'the auxiliary vector up to its end',
    }),
    vdso: Hex,
    ldtEntries: Count,
    vmas: Type.Array(Vma),
    pages: Count,
  },
  strict,
);

const FileTable = Type.Object(
  {
    objref: Objref,
    users: Type.Array(Pid),
    descriptors: Type.Array(Type.Object({ fd: Count, file: Objref, closeOnExec: Type.Boolean() }, strict)),
  },
  strict,
);

const File = Type.Object(
  {
    objref: Objref,
    users: Type.Integer({ minimum: 0, description: 'descriptors, vmas and address spaces that refer to it' }),
    path: Type.String(),
    mode: Hex,
    flags: Type.String({ description: 'O_ flags in octal' }),
    pos: Count,
    version: Hex,
  },
  strict,
);

export const INSPECT_SCHEMA = Type.Object(
  {
    bytes: Count,
    records: Count,
    head: Head,
    totals: Totals,
    rootPid: Pid,
    tasks: Type.Array(Task, { description: 'depth-first from the root' }),
    addressSpaces: Type.Array(AddressSpace),
    fileTables: Type.Array(FileTable),
    files: Type.Array(File),
  },
  {
    ...strict,
    title: 'What a checkpoint image holds',
    description: 'Shared objects stand once each, in lists of their own, and are referred to by objref.',
  },
);

export type InspectReport = Static<typeof INSPECT_SCHEMA>;
export type InspectedTask = Static<typeof Task>;
export type InspectedAddressSpace = Static<typeof AddressSpace>;
export type InspectedVma = Static<typeof Vma>;
