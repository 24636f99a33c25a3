/**
 * Every way in which ckptree can fail, as one table. The codes are the kernel's, in the sense that the Linux-CR
 * patch gives them; numbers are Linux x86-64 errno values (include/uapi/asm-generic/errno*.h), which the error
 * record of a failed image carries negated.
 */
export const CATALOGUE = {
  EPERM: { errno: 1, meaning: 'the operation is not allowed to this caller' },
  ENOENT: { errno: 2, meaning: 'a file, program or checkpoint that is named does not exist' },
  ESRCH: { errno: 3, meaning: 'no such task' },
  EINTR: { errno: 4, meaning: 'the operation was cancelled before it was done' },
  EIO: { errno: 5, meaning: 'data could not be read or written, or is damaged' },
  E2BIG: { errno: 7, meaning: 'an input is larger than the limit for it' },
  ENOEXEC: { errno: 8, meaning: 'a file is not of the format that is expected' },
  EBADF: { errno: 9, meaning: 'no open file has this descriptor, or it is open in another mode' },
  ECHILD: { errno: 10, meaning: 'the task has no such child' },
  EAGAIN: { errno: 11, meaning: 'a resource is used up for now; try again' },
  ENOMEM: { errno: 12, meaning: 'simulated physical memory or address space is used up' },
  EFAULT: { errno: 14, meaning: 'an address is not mapped, or not for this kind of access' },
  EBUSY: { errno: 16, meaning: 'something is under way or in use that a checkpoint cannot save' },
  EEXIST: { errno: 17, meaning: 'it exists already: a pid, an object, a file' },
  EINVAL: { errno: 22, meaning: 'an argument, document or record has a value that is not allowed' },
  EMFILE: { errno: 24, meaning: 'the descriptor table is full' },
  ENOSPC: { errno: 28, meaning: 'no space is left where the data should go' },
  EPIPE: { errno: 32, meaning: 'the other end is gone: a thread died, a stream was closed' },
  ENOSYS: { errno: 38, meaning: 'this kind of object cannot be checkpointed or restarted' },
  EBADMSG: { errno: 74, meaning: 'an image, core file or message breaks the rules of its format' },
  EOVERFLOW: { errno: 75, meaning: 'a number is too large for the place that it must fit in' },
  ERESTART: {
    errno: 85,
    meaning: 'whoever was to do it ended in order first; ask again, and the next does it',
  },
  ESTALE: { errno: 116, meaning: 'a file changed since the checkpoint was taken' },
  ETIMEDOUT: { errno: 110, meaning: 'an answer did not come in time' },
} as const satisfies Record<string, { errno: number; meaning: string }>;

/** The code by which errors are told apart; never by class, which does not survive a thread boundary. */
export type ErrorCode = keyof typeof CATALOGUE;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CATALOGUE, code);
}
