import { CkptError } from '@ckptree/errors';
import {
  type FileTable,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  type StoredPages,
  type Task,
} from '@ckptree/model';
import { Ajv } from 'ajv';
import { MAX_NOTE_BYTES } from './elf.js';
import { damaged } from './exact-reader.js';
import type { Descriptor } from './read-notes.js';
import { usedMathOf } from './registers.js';
import { type TreeNote, TreeNoteSchema } from './tree-schema.js';

const isTreeNote = new Ajv().compile<TreeNote>(TreeNoteSchema);

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
 * @param tasks those of the address space `mm`, in the order of their tree; none is a zombie
 * @throws E2BIG more vmas and files than a note may hold
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
  const { pid, ppid, tgid, pgid, sid, comm, state, exitCode, exitSignal, pdeathSignal, registers } = task;
  return {
    ...{ pid, ppid, tgid, pgid, sid, comm, state, exitCode, exitSignal, pdeathSignal },
    setChildTid: `${task.setChildTid}`,
    clearChildTid: `${task.clearChildTid}`,
    robustList: `${task.robustList}`,
    usedMath: usedMathOf(registers!),
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
    vmas: vmas.map(({ start, end, flags: vmFlags, pageProt, pgoff, ops, name, file }) => ({
      ...{ start, end, flags: vmFlags, pageProt: `${pageProt}`, pgoff, ops },
      ...(name !== undefined && { name }),
      ...(file && { file: files.place(file) }),
    })),
  };
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
  if (!isTreeNote(document)) {
    const { instancePath, message } = isTreeNote.errors![0]!;
    throw damaged(position, `the note CKPTREE is not as its schema wants: ${instancePath || '/'} ${message}`);
  }
  requireSortedVmas(document, position);
  requireKnownObjects(document, position);
  requireU64(document, position);
  return document;
}

function requireSortedVmas({ mm }: TreeNote, position: number): void {
  let behind = 0;
  for (const { start, end } of mm.vmas) {
    if (start < behind || end <= start || start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0)
      throw damaged(
        position,
        `the vma ${start.toString(16)}-${end.toString(16)} of the note CKPTREE is empty, unaligned or out of order`,
      );
    behind = end;
  }
}

function requireKnownObjects({ tasks, fileTables, files, mm }: TreeNote, position: number): void {
  const within = (places: readonly (number | undefined)[], count: number, what: string) => {
    for (const place of places)
      if (place !== undefined && place >= count)
        throw damaged(position, `the note CKPTREE refers to ${what} ${place}, but has ${count}`);
  };
  within(
    tasks.map(({ fileTable }) => fileTable),
    fileTables.length,
    'file table',
  );
  within(
    fileTables.flat().map(({ file }) => file),
    files.length,
    'file',
  );
  within([mm.exe, ...mm.vmas.map(({ file }) => file)], files.length, 'file');
}

/** The schema bounds the digits; here the value. */
function requireU64({ tasks, files, mm }: TreeNote, position: number): void {
  const words = [
    ...tasks.flatMap(({ setChildTid, clearChildTid, robustList }) => [
      setChildTid,
      clearChildTid,
      robustList,
    ]),
    ...files.map(({ version }) => version),
    ...mm.vmas.map(({ pageProt }) => pageProt),
    mm.flags,
    mm.defFlags,
  ];
  const over = words.find((word) => BigInt(word) >= 1n << 64n);
  if (over !== undefined) throw damaged(position, `${over} in the note CKPTREE has more than 64 bits`);
}
