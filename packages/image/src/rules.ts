import type { ErrorCode } from '@ckptree/errors';

/**
 * Every rule that a whole image keeps, by the code of the finding that its breach is reported as. `error` is the
 * code of the error that a strict reader throws: EBADMSG for damage, ENOSYS for what the format allows and this
 * reader does not support, EIO for an image that says itself that its checkpoint failed.
 */
export const RULES = {
  'not-an-image': { error: 'ENOEXEC', meaning: 'an image starts with a HEADER record' },
  truncated: {
    error: 'EBADMSG',
    meaning: 'an image goes on until its TAIL, and each record as far as its length says',
  },
  'trailing-bytes': { error: 'EBADMSG', meaning: 'nothing follows TAIL' },
  'record-length': { error: 'EBADMSG', meaning: 'a record is as long as its type and its place say' },
  'record-type': { error: 'EBADMSG', meaning: 'a record is of a type that the format has' },
  'record-order': { error: 'EBADMSG', meaning: 'records follow each other as the grammar says' },
  'record-unsupported': {
    error: 'ENOSYS',
    meaning: 'no namespaces, security contexts or floating point state',
  },
  'framing-lost': { error: 'EBADMSG', meaning: 'where one record ends the next one starts' },
  'not-zero': { error: 'EBADMSG', meaning: 'padding and unused fields are zero' },
  text: { error: 'EBADMSG', meaning: 'text is UTF-8 ended by a NUL, with zeros behind it' },
  'out-of-range': { error: 'EBADMSG', meaning: 'a number is within what its field can mean' },
  'head-magic': { error: 'EBADMSG', meaning: 'HEADER holds the head magic' },
  'tail-magic': { error: 'EBADMSG', meaning: 'TAIL holds the tail magic' },
  version: { error: 'ENOSYS', meaning: 'the image is of revision 5 of the format, from a Linux 2.6.33' },
  architecture: { error: 'ENOSYS', meaning: 'the image is of x86-64' },
  constants: {
    error: 'EBADMSG',
    meaning: 'the constants are those of the kernel that the format belongs to',
  },
  'image-flags': { error: 'EBADMSG', meaning: 'no image flags but SUBTREE are set' },
  'task-count': {
    error: 'EBADMSG',
    meaning: 'as many pids and as many tasks as TREE says, and at least one',
  },
  pid: {
    error: 'EBADMSG',
    meaning: 'pids are positive and each task has its own; other ids are not negative',
  },
  parent: {
    error: 'EBADMSG',
    meaning: 'the parent of each task but the root, or another task of its thread group, comes before it',
  },
  'task-state': { error: 'EBADMSG', meaning: 'a task is alive or a zombie' },
  'restart-block': { error: 'ENOSYS', meaning: 'no interrupted system call waits to be restarted' },
  objref: { error: 'EBADMSG', meaning: 'objrefs are defined once each, in the order 1, 2, 3, ...' },
  'object-type': { error: 'ENOSYS', meaning: 'shared objects are files, file tables and address spaces' },
  'object-undefined': { error: 'EBADMSG', meaning: 'an object is written before it is used' },
  'object-mismatch': {
    error: 'EBADMSG',
    meaning: 'an objref refers to an object of the type that its use expects',
  },
  'object-unused': { error: 'EBADMSG', meaning: 'an object is written where it is first used' },
  'file-type': { error: 'ENOSYS', meaning: 'files are generic: no pipes, sockets or terminals' },
  descriptor: { error: 'EBADMSG', meaning: 'descriptors ascend from 0, and are closed on exec or not' },
  'map-count': { error: 'EBADMSG', meaning: 'an address space has as many vmas as it says' },
  'vma-type': { error: 'ENOSYS', meaning: 'vmas are private: anonymous, file or vdso' },
  'vma-range': { error: 'EBADMSG', meaning: 'vmas are page-aligned, not empty, and within user space' },
  'vma-order': { error: 'EBADMSG', meaning: 'vmas ascend and do not overlap' },
  'vma-flags': { error: 'EBADMSG', meaning: 'vm_flags has 32 bits' },
  'vma-unsupported': { error: 'ENOSYS', meaning: 'no vma is shared, of a device, of huge pages, ...' },
  'batch-size': { error: 'EBADMSG', meaning: 'a batch has at most 8192 pages' },
  'page-address': { error: 'EBADMSG', meaning: 'page addresses are aligned, within their vma, and ascend' },
  'checkpoint-failed': { error: 'EIO', meaning: 'the checkpoint did not fail' },
} as const satisfies Record<string, { error: ErrorCode; meaning: string }>;

export type FindingCode = keyof typeof RULES;
