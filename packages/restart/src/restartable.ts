import { stat } from 'node:fs/promises';
import { at, CkptError, type ErrorFields } from '@ckptree/errors';
import { contentVersion, isProgram, PROGRAM_FOLDER } from '@ckptree/kernel';
import {
  EXIT_ZOMBIE,
  FMODE,
  type OpenFile,
  type StoredPages,
  type Task,
  type TaskTree,
} from '@ckptree/model';
import { throwIfAborted } from './load-memory.js';

/**
 * Finds out, before anything is built, whether a tree can go on here: its programs are known, and its files are there
 * and hold what they held.
 * @throws ENOENT a program or file is missing; ESTALE a file has changed; E2BIG it is too large to be read; EINVAL it is no
 *   regular file, and more than mapped; ENOEXEC a task has no executable; ENOSYS it has no descriptor table; EINTR aborted
 */
export async function checkRestartable(tree: TaskTree<StoredPages>, signal?: AbortSignal): Promise<void> {
  const checked = new Set<OpenFile>();
  const descriptors = tree.tasks.flatMap(({ files }) => files?.descriptors ?? []);
  const open = new Set(descriptors.map(({ file }) => file));
  for (const task of tree.tasks) {
    if (task.exitState === EXIT_ZOMBIE) continue;
    checkProgram(task);
    checkDescriptors(task);
    for (const file of filesOf(task)) {
      if (checked.has(file)) continue;
      checked.add(file);
      const place = { pid: task.pid, comm: task.comm, path: file.path };
      await checkFile(file, { place, isOpen: open.has(file), signal });
    }
  }
}

function checkProgram({ pid, comm, mm }: Task<StoredPages>): void {
  const path = mm?.exe?.path;
  if (path === undefined)
    throw new CkptError('ENOEXEC', `task ${pid} (${comm}) has no executable, so nothing says what it runs`, {
      pid,
      comm,
    });
  if (isProgram(path)) return;
  const known = path.startsWith(PROGRAM_FOLDER)
    ? 'this ckptree has no such program'
    : 'it is no program of ckptree';
  throw new CkptError('ENOENT', `task ${pid} (${comm}) runs ${path}: ${known}`, { pid, comm, path });
}

function checkDescriptors({ pid, comm, files }: Task<StoredPages>): void {
  if (files !== undefined) return;
  const message = `task ${pid} (${comm}) is alive and has no descriptor table, without which nothing runs here`;
  throw new CkptError('ENOSYS', message, { pid, comm });
}

function* filesOf({ mm, files }: Task<StoredPages>): Generator<OpenFile> {
  for (const { file } of mm?.vmas ?? []) if (file !== undefined) yield file;
  for (const { file } of files?.descriptors ?? []) yield file;
}

async function checkFile(
  { path, mode, version }: OpenFile,
  {
    place,
    isOpen,
    signal,
  }: {
    readonly place: ErrorFields;
    /** Under a descriptor, from which it may be read, too. */
    readonly isOpen: boolean;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  if (path.startsWith(PROGRAM_FOLDER)) return;
  // Of a file in a core nothing is known but its name; what was in memory of it is in the image.
  const mayBeMissing = version === 0n && (mode & FMODE.WRITE) === 0;
  const found = await stat(path).catch((cause: unknown) => {
    if (mayBeMissing) return undefined;
    const message = `${path} is missing here; bring the file along, then restart`;
    throw new CkptError('ENOENT', message, place, cause);
  });
  if (found === undefined) return;
  // Opening a device may do something already: rewind a tape, start a watchdog. One that is only mapped is not opened.
  if (!found.isFile() && mayBeMissing && !isOpen) return;
  if (!found.isFile()) throw new CkptError('EINVAL', `${path} is not a regular file here`, place);
  if (version === 0n) return;
  const present = await contentVersion(path, signal).catch((error: unknown) => {
    throwIfAborted(signal);
    throw at(error, place);
  });
  if (present === version) return;
  const message = `${path} has changed since the checkpoint; restore the contents that it had`;
  throw new CkptError('ESTALE', message, place);
}
