import { constants } from 'node:os';
import type { Task } from '@ckptree/model';

/** How a task ended, as a shell tells it. */
export interface ExitStatus {
  /** Its exit status, or 128 + the signal that killed it. */
  readonly exitCode: number;
  readonly signal?: string;
}

/** The signal that a task was ended by; 0: none. @param status as of exitStatus() */
export const signalIn = (status: number): number => status & 0x7f;

/** @param status as wait() tells it: exit status << 8, or the number of a signal */
export function exitStatus(status: number): ExitStatus {
  const signal = signalIn(status);
  return signal === 0 ? { exitCode: status >> 8 } : { exitCode: 128 + signal, signal: signalName(signal) };
}

/** The digest of a zombie's last state, hexadecimal: it is kept where the task had its last two pointers. */
export function digestOfZombie({
  setChildTid,
  clearChildTid,
}: Pick<Task<unknown>, 'setChildTid' | 'clearChildTid'>): string {
  const digest = Buffer.alloc(16);
  digest.writeBigUInt64LE(setChildTid, 0);
  digest.writeBigUInt64LE(clearChildTid, 8);
  return digest.toString('hex');
}

function signalName(signal: number): string {
  const named = Object.entries(constants.signals).find(([, number]) => number === signal);
  return named?.[0] ?? `signal ${signal}`;
}
