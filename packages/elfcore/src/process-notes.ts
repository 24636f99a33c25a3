import { TASK_STATE } from '@ckptree/model';
import { toUserRegs, USER_REGS_SIZE } from './registers.js';
import { struct } from './struct.js';

/**
 * What a core says of a process and of each of its threads: `struct elf_prpsinfo` and `struct elf_prstatus`
 * (Linux include/linux/elfcore.h, x86-64).
 */

const PRSTATUS = struct(336, {
  pid: [32, 'i32'],
  ppid: [36, 'i32'],
  pgid: [40, 'i32'],
  sid: [44, 'i32'],
});
const PRSTATUS_REGS = 112;
/** Bytes of the descriptor of NT_PRSTATUS. */
export const PRSTATUS_SIZE = PRSTATUS.size;

const PRPSINFO = struct(136, {
  state: [0, 'u8'],
  stateName: [1, 'u8'],
  pid: [24, 'i32'],
  ppid: [28, 'i32'],
  pgid: [32, 'i32'],
  sid: [36, 'i32'],
});
const PRPSINFO_FNAME = 40;
const PRPSINFO_ARGS = 56;
/** Bytes of the descriptor of NT_PRPSINFO. */
export const PRPSINFO_SIZE = PRPSINFO.size;

/** Bytes of a task's name, without NUL. */
const COMM_BYTES = 15;

interface Identity {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
}

export interface ThreadStatus extends Identity {
  /** A `user_regs_struct`. */
  readonly userRegs: Uint8Array;
}

export interface ProcessInfo extends Identity {
  readonly comm: string;
}

export function decodeThreadStatus(desc: Uint8Array): ThreadStatus {
  const { pid, ppid, pgid, sid } = PRSTATUS.decode(desc);
  return { pid, ppid, pgid, sid, userRegs: desc.slice(PRSTATUS_REGS, PRSTATUS_REGS + USER_REGS_SIZE) };
}

/** @param registers the CPU record of the thread */
export function encodeThreadStatus(identity: Identity, registers: Uint8Array): Uint8Array {
  const { pid, ppid, pgid, sid } = identity;
  const desc = PRSTATUS.encode({ pid, ppid, pgid, sid });
  desc.set(toUserRegs(registers), PRSTATUS_REGS);
  return desc;
}

export function decodeProcessInfo(desc: Uint8Array): ProcessInfo {
  const { pid, ppid, pgid, sid } = PRPSINFO.decode(desc);
  return { pid, ppid, pgid, sid, comm: decodeComm(desc.subarray(PRPSINFO_FNAME, PRPSINFO_FNAME + 16)) };
}

/** The state's index and letter in /proc/PID/stat, as Linux derives them. */
const STATE_NAMES: Readonly<Record<number, readonly [index: number, letter: string]>> = {
  [TASK_STATE.RUNNING]: [0, 'R'],
  [TASK_STATE.INTERRUPTIBLE]: [1, 'S'],
  [TASK_STATE.STOPPED]: [3, 'T'],
};
const OTHER_STATE = [6, '.'] as const;

/** @param state `TASK_STATE` of the thread that the core is of */
export function encodeProcessInfo({ pid, ppid, pgid, sid, comm }: ProcessInfo, state: number): Uint8Array {
  const [index, letter] = STATE_NAMES[state] ?? OTHER_STATE;
  const desc = PRPSINFO.encode({ pid, ppid, pgid, sid, state: index, stateName: letter.charCodeAt(0) });
  const name = new TextEncoder().encode(comm).subarray(0, COMM_BYTES);
  desc.set(name, PRPSINFO_FNAME);
  desc.set(name, PRPSINFO_ARGS);
  return desc;
}

/** Up to the first NUL. Bytes that are no UTF-8 become U+FFFD, which is longer: then the end is cut. */
function decodeComm(field: Uint8Array): string {
  const nul = field.indexOf(0);
  const bytes = field.subarray(0, Math.min(nul < 0 ? COMM_BYTES : nul, COMM_BYTES));
  const characters = [...new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)];
  while (new TextEncoder().encode(characters.join('')).length > COMM_BYTES) characters.pop();
  return characters.join('');
}
