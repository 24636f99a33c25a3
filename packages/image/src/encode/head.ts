import {
  ARCH,
  HEAD_MAGIC,
  IMAGE_FLAG,
  KERNEL_CONSTANTS,
  LSM_NAME_LEN,
  LSM_NONE,
  TAIL_MAGIC,
  VERSION,
} from '../constants.js';
import { putRecord, putText } from '../records.js';
import type { RecordTarget } from './target.js';

/** What an image says of itself before its tasks. */
export interface ImageHead {
  /** As uname() gives them: at most 64 bytes each. */
  readonly uts: { readonly release: string; readonly version: string; readonly machine: string };
  /** When the checkpoint was taken, in seconds since 1970. */
  readonly time: bigint;
  /** A subtree of the tasks that were there; otherwise a whole container. */
  readonly subtree: boolean;
}

/** The records up to the task tree. @throws EOVERFLOW a uts text does not fit */
export function putHead(target: RecordTarget, { uts, time, subtree }: ImageHead): void {
  const { uts_release_len, uts_version_len, uts_machine_len } = KERNEL_CONSTANTS;
  putRecord(target, 'HEADER', {
    magic: HEAD_MAGIC,
    arch_id: ARCH.X86_64,
    ...VERSION,
    constants: KERNEL_CONSTANTS,
    time,
    uflags: subtree ? IMAGE_FLAG.SUBTREE : 0n,
  });
  putText(target, 'BUFFER', uts.release, uts_release_len);
  putText(target, 'BUFFER', uts.version, uts_version_len);
  putText(target, 'BUFFER', uts.machine, uts_machine_len);
  // The state of the floating point unit as x86-64 without xsave keeps it: struct i387_fxsave_struct.
  putRecord(target, 'HEADER_ARCH', { has_fxsr: 1, has_xsave: 0, xstate_size: 512 });
  putRecord(target, 'CONTAINER', {});
  putText(target, 'BUFFER', LSM_NONE, LSM_NAME_LEN);
}

/** The record that ends a whole image. */
export const putTail = (target: RecordTarget): void => putRecord(target, 'TAIL', { magic: TAIL_MAGIC });
