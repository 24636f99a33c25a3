import { CkptError } from '@ckptree/errors';
import { AT_VECTOR_SIZE, PAGE_SIZE, VM } from '@ckptree/model';
import { AddressSpace, emptyDescription } from './address-space.js';
import type { FileObject } from './file-object.js';
import type { MmResources } from './page-fault.js';
import { CODE_START, DATA_START, pageFloor, STACK_TOP, VDSO_START } from './user-space.js';
import { VM_STACK } from './vm-area.js';

export interface FreshLayout {
  readonly id: number;
  readonly exe: FileObject;
  readonly args?: readonly string[];
  /** `NAME=value`. */
  readonly env?: readonly string[];
}

const CODE_SIZE = PAGE_SIZE;
const DATA_SIZE = PAGE_SIZE;
/** What a stack has beside its arguments before it grows: stack_expand in setup_arg_pages(), fs/exec.c. */
const STACK_SIZE = 128 * 1024;
/** Most bytes of arguments and environment together. */
const MAX_ARGS_SIZE = 2 ** 20;

/** Keys of the auxiliary vector: include/linux/auxvec.h. */
const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  CLKTCK: 17,
  SECURE: 23,
  EXECFN: 31,
  SYSINFO_EHDR: 33,
} as const;
const ELF_HEADER_SIZE = 64;
const ELF_PROGRAM_HEADER_SIZE = 56;
const USER_HZ = 100;

/**
 * The address space of a task that has just executed a program: its code, a page of data, an empty heap, the
 * stack with arguments and environment, and the vdso. The same arguments always give the same addresses.
 * @throws E2BIG arguments and environment are too long; ENOMEM; EPERM the executable is not open for reading
 */
export function layoutFresh(resources: MmResources, fresh: FreshLayout): AddressSpace {
  const { id, exe } = fresh;
  const strings = stackStrings(fresh);
  resources.files.grab(exe);
  const space = AddressSpace.fromDescription(resources, {
    ...emptyDescription(id),
    exe,
    auxv: auxiliaryVector(strings.execfn),
    context: { vdso: VDSO_START, ldt: new Uint8Array() },
  });
  try {
    mapProgram(space, exe);
    mapStack(space, strings);
    space.mmap({
      address: VDSO_START,
      length: PAGE_SIZE,
      protection: { read: true, exec: true },
      flags: VM.ALWAYSDUMP,
      ops: 'special',
      name: '[vdso]',
    });
    return space;
  } catch (error) {
    space.destroy();
    throw error;
  }
}

function mapProgram(space: AddressSpace, exe: FileObject): void {
  const flags = VM.DENYWRITE | VM.EXECUTABLE;
  const protection = { read: true, exec: true };
  space.mmap({ address: CODE_START, length: CODE_SIZE, protection, file: exe, pgoff: 0, flags });
  space.mmap({ address: DATA_START, length: DATA_SIZE, protection: { read: true, write: true } });
  const endData = DATA_START + DATA_SIZE;
  space.setLayout({
    startCode: CODE_START,
    endCode: CODE_START + CODE_SIZE,
    startData: DATA_START,
    endData,
    startBrk: endData,
    brk: endData,
  });
}

interface StackStrings {
  readonly bytes: Uint8Array;
  /** Addresses; the strings lie in this order at the top of the stack. */
  readonly args: readonly number[];
  readonly env: readonly number[];
  readonly execfn: number;
  readonly end: number;
}

/** Arguments, environment and the name of the executable, as they will lie at the top of the stack. */
function stackStrings({ exe, args = [], env = [] }: FreshLayout): StackStrings {
  const strings = [...args, ...env, exe.path].map((text) => Buffer.from(`${text}\0`));
  const size = strings.reduce((sum, { length }) => sum + length, 0);
  if (size > MAX_ARGS_SIZE)
    throw new CkptError('E2BIG', `arguments of ${size} bytes: at most ${MAX_ARGS_SIZE} are allowed`);
  // Eight zero bytes end the stack, as in Linux.
  const end = STACK_TOP - 8;
  let address = end - size;
  const addresses = strings.map(({ length }) => {
    address += length;
    return address - length;
  });
  return {
    bytes: Buffer.concat(strings),
    args: addresses.slice(0, args.length),
    env: addresses.slice(args.length, -1),
    execfn: addresses.at(-1)!,
    end,
  };
}

/** Maps the stack and writes what a program finds there: argc, argv, envp and the auxiliary vector, then the strings. */
function mapStack(space: AddressSpace, { bytes, args, env, execfn, end }: StackStrings): void {
  const argStart = end - bytes.length;
  const words = [args.length, ...args, 0, ...env, 0];
  const tables = words.length * 8 + space.auxv.byteLength;
  const startStack = Math.floor((argStart - tables) / 16) * 16;
  const start = pageFloor(startStack - STACK_SIZE);
  space.map({ start, end: STACK_TOP, flags: VM_STACK, pgoff: start / PAGE_SIZE, ops: 'none' });
  const table = new BigUint64Array([...words.map(BigInt), ...space.auxv]);
  space.mem.write(startStack, new Uint8Array(table.buffer));
  space.mem.write(argStart, bytes);
  const envStart = env[0] ?? execfn;
  space.setLayout({ startStack, argStart, argEnd: envStart, envStart, envEnd: execfn });
}

function auxiliaryVector(execfn: number): BigUint64Array {
  // The program headers are where an ELF executable has them; those of ckptree's programs have none.
  const entries: readonly (readonly [number, number])[] = [
    [AT.SYSINFO_EHDR, VDSO_START],
    [AT.PAGESZ, PAGE_SIZE],
    [AT.CLKTCK, USER_HZ],
    [AT.PHDR, CODE_START + ELF_HEADER_SIZE],
    [AT.PHENT, ELF_PROGRAM_HEADER_SIZE],
    [AT.PHNUM, 0],
    [AT.BASE, 0],
    [AT.FLAGS, 0],
    [AT.ENTRY, CODE_START],
    [AT.UID, 0],
    [AT.EUID, 0],
    [AT.GID, 0],
    [AT.EGID, 0],
    [AT.SECURE, 0],
    [AT.EXECFN, execfn],
    [AT.NULL, 0],
  ];
  const vector = new BigUint64Array(AT_VECTOR_SIZE);
  vector.set(entries.flat().map(BigInt));
  return vector;
}
