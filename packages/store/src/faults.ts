import { isCkptError } from '@ckptree/errors';

/**
 * What an error of reading an object says of the object. All other codes (EMFILE, ENOMEM, EINTR, ...) are of the process that
 * reads, or of its machine: the object may be sound, and nobody may take it for lost because of them.
 */
const DAMAGE: readonly string[] = ['EIO', 'EBADMSG', 'ENOEXEC', 'E2BIG', 'EINVAL'];

/** It holds something else than it should, or too much, or it is no file. */
export const isDamage = (error: unknown): boolean => isCkptError(error) && DAMAGE.includes(error.code);

/** It was deleted, or never there. */
export const isGone = (error: unknown): boolean => hasCode(error, 'ENOENT');

/** It is damaged or gone. */
export const isSpoiled = (error: unknown): boolean => isDamage(error) || isGone(error);

/** It is damaged, or the user may not read it. */
export const isUnreadable = (error: unknown): boolean => isDamage(error) || hasCode(error, 'EPERM');

/** It is damaged or gone, or the user may not read it: others may still be read. */
export const isOutOfReach = (error: unknown): boolean => isSpoiled(error) || isUnreadable(error);

const hasCode = (error: unknown, code: string): boolean => isCkptError(error) && error.code === code;
