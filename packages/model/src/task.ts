import type { FileTable } from './file.js';
import type { MemorySnapshot } from './memory.js';
import type { Mm } from './mm.js';

/**
 * The registers of the CPU record (v19-rc3, x86-64) in its order: 64 bit each. Behind them come the 16-bit
 * `SEGMENT_REGISTERS` and the 32-bit `used_math`: 184 bytes, which is the record without its header.
 */
// biome-ignore format: the order of the record, not one a line
export const CPU_REGISTERS = [
  'r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di',
  'orig_ax', 'ip', 'sp', 'flags', 'fs', 'gs',
] as const;

export const SEGMENT_REGISTERS = ['fsindex', 'gsindex', 'cs', 'ss', 'ds', 'es'] as const;

/** Bytes of a register file: 21 x 8 + 6 x 2 + 4. */
export const REGISTERS_SIZE = CPU_REGISTERS.length * 8 + SEGMENT_REGISTERS.length * 2 + 4;

/** Scheduler states: Linux 2.6.33, include/linux/sched.h. */
export const TASK_STATE = { RUNNING: 0, INTERRUPTIBLE: 1, STOPPED: 4 } as const;
/** `exit_state` of a task that has ended and was not yet waited for. */
export const EXIT_ZOMBIE = 16;

/** The signal that tells a parent of a child's end. */
export const SIGCHLD = 17;

/** A task at the cut. */
export interface Task<Memory = MemorySnapshot> {
  readonly pid: number;
  /** Parent; 0 when it is outside of the pid namespace. */
  readonly ppid: number;
  /** Leader of the thread group. */
  readonly tgid: number;
  readonly pgid: number;
  readonly sid: number;
  /** Name, at most 15 bytes. */
  readonly comm: string;
  /** `TASK_STATE`. */
  readonly state: number;
  /** 0, or `EXIT_ZOMBIE`: then registers, memory and files are gone. */
  readonly exitState: number;
  /** As wait() reports it: exit status << 8, or the number of the signal that killed it. */
  readonly exitCode: number;
  /** Signal to the parent at exit; -1 for a thread, which nobody waits for. */
  readonly exitSignal: number;
  readonly pdeathSignal: number;
  readonly setChildTid: bigint;
  readonly clearChildTid: bigint;
  /** Address of the robust futex list head. */
  readonly robustList: bigint;
  /** `REGISTERS_SIZE` bytes; absent for a zombie. */
  readonly registers?: Uint8Array;
  readonly mm?: Mm<Memory>;
  readonly files?: FileTable;
}

/**
 * A tree of tasks as plain data: what a cut yields, what an image holds, what a restart gives back. Shared objects
 * are shared references.
 */
export interface TaskTree<Memory = MemorySnapshot> {
  readonly rootPid: number;
  /** Depth-first from the root. */
  readonly tasks: readonly Task<Memory>[];
}
