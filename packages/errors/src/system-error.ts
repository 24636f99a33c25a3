import { types } from 'node:util';
import type { ErrorCode } from './catalogue.js';

/** What the operating system, or Node in its name, refused. */
export interface SystemError {
  /** What was tried with what, as the end of a sentence that begins with `cannot`. */
  readonly attempt: string;
  /** Why not, and where it helps, what to do. */
  readonly reason: string;
}

/** Codes of the system, and what they say to people. Those without a code of the catalogue's are EIO. */
const SYSTEM_ERRORS: Readonly<Record<string, { code?: ErrorCode; reason: string }>> = {
  EPERM: { code: 'EPERM', reason: 'the system does not allow it to this user' },
  EACCES: {
    code: 'EPERM',
    reason: 'this user has no permission; look at the owner and mode of file and folder',
  },
  EROFS: { code: 'EPERM', reason: 'the file system is read-only' },
  ENOENT: { code: 'ENOENT', reason: 'there is no such file or folder' },
  ENOTDIR: { code: 'ENOENT', reason: 'a part of this path is a file and not a folder' },
  EEXIST: { code: 'EEXIST', reason: 'something of this name is there already' },
  ENOTEMPTY: { code: 'EEXIST', reason: 'the folder is not empty' },
  EISDIR: { code: 'EINVAL', reason: 'it is a folder and not a file' },
  EINVAL: { code: 'EINVAL', reason: 'the file system does not support this' },
  ENAMETOOLONG: { code: 'EINVAL', reason: 'the name is too long' },
  ELOOP: { code: 'EINVAL', reason: 'too many symbolic links lead to it; perhaps they go round in a circle' },
  EBUSY: { code: 'EBUSY', reason: 'it is in use' },
  ETXTBSY: { code: 'EBUSY', reason: 'it is a program that runs' },
  ENOSPC: { code: 'ENOSPC', reason: 'no space is left there; make room and try again' },
  EDQUOT: { code: 'ENOSPC', reason: 'the quota of this user is used up; make room and try again' },
  EFBIG: { code: 'ENOSPC', reason: 'it would be larger than the file system or `ulimit -f` allows' },
  EMFILE: { code: 'EMFILE', reason: 'this process has too many files open; raise `ulimit -n`' },
  ENFILE: { code: 'EMFILE', reason: 'the machine has too many files open' },
  EBADF: { code: 'EBADF', reason: 'it is not open for this' },
  EPIPE: { code: 'EPIPE', reason: 'the reader has gone away' },
  ENOMEM: { code: 'ENOMEM', reason: 'the machine has no memory left for it' },
  EIO: { reason: 'the disk or file system failed; the log of the system (`dmesg`) may say why' },
  EADDRINUSE: { reason: 'another process listens there' },
  EADDRNOTAVAIL: { reason: 'this machine has no such address' },
  ECONNREFUSED: { reason: 'nobody listens there' },
  ECONNRESET: { reason: 'the other side closed the connection' },
  EHOSTUNREACH: { reason: 'no way leads to that machine' },
  ENETUNREACH: { reason: 'no way leads to that network' },
  ENOTFOUND: { reason: 'no machine has this name' },
};

/** What system calls do, where their names do not say it to everybody. */
const ACTIONS: Readonly<Record<string, string>> = {
  scandir: 'read the folder',
  opendir: 'read the folder',
  mkdir: 'make the folder',
  mkdtemp: 'make a folder',
  rmdir: 'remove the folder',
  unlink: 'remove',
  rm: 'remove',
  stat: 'find',
  lstat: 'find',
  fstat: 'look at',
  statfs: 'look at the file system of',
  realpath: 'find',
  access: 'get at',
  fsync: 'make durable',
  fdatasync: 'make durable',
  ftruncate: 'change the length of',
  copyfile: 'copy',
  connect: 'connect to',
  listen: 'listen on',
  bind: 'listen on',
  getaddrinfo: 'find the machine',
};

/** Recognises an error of a system call; undefined for all others, and for those that have no words here. */
export function systemErrorOf(error: unknown): SystemError | undefined {
  if (!types.isNativeError(error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  const known = entryOf(code);
  if (syscall === undefined || known === undefined) return undefined;
  const attempt = [actionOf(syscall), targetOf(error)].filter((part) => part !== '').join(' ');
  return { attempt, reason: known.reason };
}

/** The code of the catalogue for one of the system's, or of Node's. */
export const codeOfSystem = (code: string | undefined): ErrorCode =>
  code === 'ABORT_ERR' ? 'EINTR' : (entryOf(code)?.code ?? 'EIO');

const entryOf = (code = ''): { code?: ErrorCode; reason: string } | undefined =>
  Object.hasOwn(SYSTEM_ERRORS, code) ? SYSTEM_ERRORS[code] : undefined;

function actionOf(syscall: string): string {
  if (syscall.startsWith('spawn')) return 'start';
  return (Object.hasOwn(ACTIONS, syscall) && ACTIONS[syscall]) || syscall;
}

interface Target extends NodeJS.ErrnoException {
  readonly dest?: string;
  readonly hostname?: string;
  readonly address?: string;
  readonly port?: number;
}

function targetOf(error: Error): string {
  const { path, dest, hostname, address, port } = error as Target;
  if (path !== undefined) return dest === undefined ? path : `${path} to ${dest}`;
  return hostname ?? [address, port].filter((part) => part !== undefined).join(':');
}
