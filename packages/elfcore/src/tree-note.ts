import { CkptError } from '@ckptree/errors';
import {
  EXIT_ZOMBIE,
  type FileTable,
  type Mm,
  type OpenFile,
  type StoredPages,
  type Task,
  type Vma,
  vmaRange,
} from '@ckptree/model';
import { firstFaultOf } from '@ckptree/schema';
import { checkTreeNote } from './check-tree-note.js';
import { MAX_NOTE_BYTES } from './elf.js';
import { damaged } from './exact-reader.js';
import type { Descriptor } from './read-notes.js';
import { usedMathOf } from './registers.js';
import { type TreeNote, TreeNoteSchema } from './tree-schema.js';

const firstFault = firstFaultOf(TreeNoteSchema);

/** Objects that several refer to, in the order in which they are first met. */
class Shared<T> {
  readonly #places = new Map<T, number>();

  place(object: T): number {
    const known = this.#places.get(object);
    if (known !== undefined) return known;
    this.#places.set(object, this.#places.size);
    return this.#places.size - 1;
  }

  get objects(): T[] {
    return [...this.#places.keys()];
  }
}

/**
 * The descriptor of the CKPTREE note.
 * @param tasks one thread group in the order of its tree: the living, which share `mm`, and the zombies
 * @throws E2BIG more vmas and files than a note may hold; ENOSYS a vma of a kind that an image cannot hold either
 */
export function encodeTreeNote(mm: Mm<StoredPages>, tasks: readonly Task<StoredPages>[]): Uint8Array {
  const files = new Shared<OpenFile>();
  const fileTables = new Shared<FileTable>();
  const note: TreeNote = {
    version: 1,
    tasks: tasks.map((task) => describeTask(task, fileTables)),
    fileTables: fileTables.objects.map(({ descriptors }) =>
      descriptors.map(({ fd, closeOnExec, file }) => ({ fd, closeOnExec, file: files.place(file) })),
    ),
    mm: describeMm(mm, files),
    files: files.objects.map(({ path, mode, flags, pos, version }) => {
      return { path, mode, flags, pos, version: `${version}` };
    }),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(note));
  if (bytes.length > MAX_NOTE_BYTES)
    throw new CkptError(
      'E2BIG',
      `the vmas and files of the task take ${bytes.length} bytes in a core; a note may have ${MAX_NOTE_BYTES}`,
    );
  return bytes;
}

function describeTask(task: Task<StoredPages>, tables: Shared<FileTable>): TreeNote['tasks'][number] {
  const { pid, ppid, tgid, pgid, sid, comm, registers } = task;
  const { state, exitState, exitCode, exitSignal, pdeathSignal } = task;
  return {
    ...{ pid, ppid, tgid, pgid, sid, comm, state, exitCode, exitSignal, pdeathSignal },
    exitState: exitState === 0 ? 0 : EXIT_ZOMBIE,
    setChildTid: `${task.setChildTid}`,
    clearChildTid: `${task.clearChildTid}`,
    robustList: `${task.robustList}`,
    usedMath: registers === undefined ? 0 : usedMathOf(registers),
    ...(task.files && { fileTable: tables.place(task.files) }),
  };
}

function describeMm(mm: Mm<StoredPages>, files: Shared<OpenFile>): TreeNote['mm'] {
  const { layout, flags, defFlags, context, exe, vmas } = mm;
  return {
    layout: { ...layout },
    flags: `${flags}`,
    defFlags: `${defFlags}`,
    vdso: context.vdso,
    ldt: Buffer.from(context.ldt).toString('hex'),
    ...(exe && { exe: files.place(exe) }),
    vmas: vmas.map((vma) => {
      const { start, end, flags: vmFlags, pageProt, pgoff, name, file } = vma;
      return {
        ...{ start, end, flags: vmFlags, pageProt: `${pageProt}`, pgoff, ops: storableOps(vma) },
        ...(name !== undefined && { name }),
        ...(file && { file: files.place(file) }),
      };
    }),
  };
}

function storableOps(vma: Vma): 'none' | 'file' | 'special' {
  const { ops } = vma;
  if (ops === 'none' || ops === 'file' || ops === 'special') return ops;
  throw new CkptError('ENOSYS', `the vma ${vmaRange(vma)} is of the kind ${ops}, which no core can hold`, {
    vma: vmaRange(vma),
  });
}

/** @throws EBADMSG it is no such document, or contradicts itself */
export function decodeTreeNote({ bytes, position }: Descriptor): TreeNote {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CkptError(
      'EBADMSG',
      `the note CKPTREE is no JSON (byte ${position} of the core file)`,
      { position },
      cause,
    );
  }
  const found = firstFault(document);
  if (found !== undefined)
    throw damaged(
      position,
      `the note CKPTREE is not as its schema wants: ${found.pointer || '/'} ${found.fault}`,
    );
  const note = document as TreeNote;
  checkTreeNote(note, position);
  return note;
}
