import type { TObject } from '@ckptree/schema';
import type { UserMemory } from './memory/user-memory.js';
import type { Registers } from './registers.js';

/**
 * A program is a deterministic state machine: everything that it knows between two ticks is in the registers and
 * memory of its task, so that a task which is restarted from an image goes on as if nothing had happened. By
 * convention `ip` holds the state that comes next.
 */
export interface Program {
  /** Its executable is `/ckptree/bin/<name>`. */
  readonly name: string;
  /** One sentence for people. */
  readonly summary: string;
  /** JSON Schema of its parameters; they are validated, and defaults filled in, before `start` sees them. */
  readonly params: TObject;
  /** The parameter that lists programs which it will execute, each with `program` and `params`. */
  readonly executes?: string;
  /** It waits for children of its own, who must then be in the same kernel as it is. */
  readonly waits?: boolean;
  /** What the schema cannot say about valid parameters: a sentence about what is wrong, or undefined. */
  check?(params: unknown): string | undefined;
  /** Once, when the program is executed: lays out memory and sets the registers. */
  start(sys: Sys, params: unknown): void;
  /**
   * One tick: a small, bounded amount of work (some microseconds), between two safe points. Returns `blocked` when
   * a system call had to wait: registers and memory are then as before, and the tick is run again after a wake-up.
   */
  step(sys: Sys): Tick;
}

export type Tick = 'ran' | 'blocked';

export interface MmapRequest {
  /** Bytes; rounded up to whole pages. */
  readonly length: number;
  readonly prot: { readonly read?: boolean; readonly write?: boolean; readonly exec?: boolean };
  /** Place it exactly here, page-aligned, replacing what is mapped there. Without it the kernel chooses. */
  readonly address?: number;
  /** A private mapping of this descriptor's file, from byte `offset`, page-aligned. Without it anonymous. */
  readonly fd?: number;
  readonly offset?: number;
  /** Further `VM` bits, for memory that cannot be checkpointed (VM_SHARED, VM_IO, VM_HUGETLB, ...). */
  readonly flags?: number;
}

export interface CloneRequest {
  /** The child's pid, as clone3's set_tid: EEXIST when it is taken. Without it the kernel chooses any free one. */
  readonly pid?: number;
  /** Share the address space instead of copying it. */
  readonly vm?: boolean;
  /** Share the descriptor table instead of copying it. */
  readonly files?: boolean;
  /** The child is a thread of the caller's group; goes with `vm`. Nobody waits for a thread. */
  readonly thread?: boolean;
}

/** What a program can ask of the kernel. Failures are thrown as CkptError; one that is not caught kills the task. */
export interface Sys {
  readonly pid: number;
  readonly ppid: number;
  readonly regs: Registers;
  /** The task's memory. An access that the mapping does not allow throws EFAULT, and kills by SIGSEGV if not caught. */
  readonly mem: UserMemory;

  /** @returns the address of the new mapping */
  mmap(request: MmapRequest): number;
  munmap(address: number, length: number): void;
  mprotect(address: number, length: number, prot: MmapRequest['prot']): void;
  /** Moves the end of the heap; without an argument tells where it is. @returns where it is now */
  brk(address?: number): number;

  /** Sets an entry of the local descriptor table. @param entry 8 bytes */
  modifyLdt(index: number, entry: Uint8Array): void;

  /** @param flags `r` read, `r+` read and write, `w+` the same after truncating or creating, `a` append */
  open(path: string, flags: 'r' | 'r+' | 'w+' | 'a'): number;
  close(fd: number): void;
  /** Whether exec closes this descriptor. New ones stay open. */
  setCloseOnExec(fd: number, closes: boolean): void;
  /** A second descriptor for the same open file. */
  dup(fd: number): number;
  /** @returns bytes read at the file's position, which moves on; 0 at the end */
  read(fd: number, address: number, count: number): number;
  write(fd: number, address: number, count: number): number;
  /** Sets the file's position. */
  lseek(fd: number, position: number): number;

  /**
   * A child that starts as a copy of the caller at this instant; the caller goes on with the child's pid in `ax`, the
   * child with 0 there. Set `ip` before the call: both go on from it. EINTR: a signal is about to end the caller.
   * @returns the child's pid
   */
  clone(request?: CloneRequest): number;
  /**
   * Replaces the program, its memory and its registers. Nothing of the old program runs behind it. Descriptors are not
   * shared any more from then on. ENOENT, EINVAL: no such program, wrong parameters; EPERM: others of the caller's thread
   * group live; then nothing has changed.
   */
  exec(program: string, params: unknown): void;
  /** Ends the task when this tick returns. @param code 0 to 255 */
  exit(code: number): void;
  /**
   * The status of an ended child, which is then gone: its exit code << 8, or the signal that killed it; undefined while
   * it lives: return `blocked` then. ECHILD: no such child.
   */
  wait(pid: number): { readonly pid: number; readonly status: number } | undefined;
  /** Ends a task as by this signal (9 and 15 end it; 17 and 0 do nothing). */
  kill(pid: number, signal: number): void;
  setpgid(pgid: number): void;
  setsid(): number;
  /** Starts an asynchronous read that completes when `ioGetEvents` is called; it is outstanding until then. */
  ioSubmit(fd: number, address: number, count: number, offset: number): void;
  ioGetEvents(): number;
}
