import { EXIT_ZOMBIE } from '@ckptree/model';
import { type Static, Type } from '@ckptree/schema';
import { TASK_SIZE } from './elf.js';

/**
 * The document in the note of owner CKPTREE: what a core of a simulated task has to say and ELF has no place for.
 * What ELF does have a place for (registers, auxiliary vector, page contents) stands there alone.
 */

const Natural = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const U32 = Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 });
const Pid = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });
const Address = Type.Integer({ minimum: 0, maximum: TASK_SIZE });
/** Signals, as an image may hold them: signal_nsig of its header. */
const SIGNALS = 64;
/** Most entries of a local descriptor table (x86), of 16 hexadecimal digits each. */
const LDT_ENTRIES = 8192;
/** 64 bits, in decimal digits. */
const U64 = Type.String({ pattern: '^(0|[1-9][0-9]{0,19})$' });
/** Place in the list of that name. */
const Index = Natural;
const TEXT = '^[^\\0]*$';
const Text = Type.String({ pattern: TEXT });
const strict = { additionalProperties: false };

const Path = Type.String({ pattern: TEXT, minLength: 1 });

const File = Type.Object({ path: Path, mode: U32, flags: U32, pos: Natural, version: U64 }, strict);

const Descriptor = Type.Object({ fd: Pid, closeOnExec: Type.Boolean(), file: Index }, strict);

const Task = Type.Object(
  {
    pid: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
    ppid: Pid,
    tgid: Pid,
    pgid: Pid,
    sid: Pid,
    comm: Text,
    state: U32,
    exitState: Type.Enum([0, EXIT_ZOMBIE]),
    exitCode: Type.Integer({ minimum: 0, maximum: 0xffff }),
    exitSignal: Type.Integer({ minimum: -1, maximum: SIGNALS }),
    pdeathSignal: Type.Integer({ minimum: 0, maximum: SIGNALS }),
    setChildTid: U64,
    clearChildTid: U64,
    robustList: U64,
    usedMath: U32,
    fileTable: Type.Optional(Index),
  },
  strict,
);

const Vma = Type.Object(
  {
    start: Address,
    end: Address,
    flags: U32,
    pageProt: U64,
    pgoff: Natural,
    ops: Type.Enum(['none', 'file', 'special']),
    name: Type.Optional(Text),
    file: Type.Optional(Index),
  },
  strict,
);

const Layout = Type.Object(
  {
    startCode: Address,
    endCode: Address,
    startData: Address,
    endData: Address,
    startBrk: Address,
    brk: Address,
    startStack: Address,
    argStart: Address,
    argEnd: Address,
    envStart: Address,
    envEnd: Address,
  },
  strict,
);

const Mm = Type.Object(
  {
    layout: Layout,
    flags: U64,
    defFlags: U64,
    vdso: Address,
    /** Hexadecimal. */
    ldt: Type.String({ pattern: '^([0-9a-f]{16})*$', maxLength: LDT_ENTRIES * 16 }),
    exe: Type.Optional(Index),
    vmas: Type.Array(Vma),
  },
  strict,
);

export const TreeNoteSchema = Type.Object(
  {
    version: Type.Literal(1),
    tasks: Type.Array(Task, { minItems: 1 }),
    fileTables: Type.Array(Type.Array(Descriptor)),
    files: Type.Array(File),
    mm: Mm,
  },
  strict,
);

export type TreeNote = Static<typeof TreeNoteSchema>;
