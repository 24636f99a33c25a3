import { CkptError } from '@ckptree/errors';
import { MAX_NOTE_BYTES, MAX_NOTES, NHDR, NT } from './elf.js';
import { damaged, type ExactReader } from './exact-reader.js';
import {
  decodeProcessInfo,
  decodeThreadStatus,
  PRPSINFO_SIZE,
  PRSTATUS_SIZE,
  type ProcessInfo,
  type ThreadStatus,
} from './process-notes.js';
import type { NoteSegment } from './read-segments.js';

/** Owner and type of the note in which ckptree says what ELF cannot: see tree-note.ts. */
export const CKPTREE_OWNER = 'CKPTREE';
/** `CKPT`, read as a little-endian word: owners' types do not collide, but readelf guesses from the type alone. */
export const NT_CKPTREE_TREE = 0x54504b43;

/** The descriptor of a note, and where it stands in the file. */
export interface Descriptor {
  readonly bytes: Uint8Array;
  readonly position: number;
}

/** What the notes of a core say, as far as it is of use here; others are skipped by their bounds. */
export interface CoreNotes {
  /** In the order of the core: the one that was current comes first. At least one. */
  readonly threads: readonly ThreadStatus[];
  readonly process?: ProcessInfo;
  readonly auxv?: Descriptor;
  readonly mappedFiles?: Descriptor;
  readonly tree?: Descriptor;
}

interface Note {
  readonly owner: string;
  readonly type: number;
  /** Of the descriptor. */
  readonly position: number;
  readonly length: number;
}

/** @throws EBADMSG damaged; E2BIG more or larger notes than any process has */
export async function readNotes(core: ExactReader, segments: readonly NoteSegment[]): Promise<CoreNotes> {
  const threads = new Map<number, ThreadStatus>();
  const single = new Map<string, Descriptor>();
  for await (const note of notesOf(core, segments)) {
    const name = nameOf(note);
    if (name === undefined) continue;
    if (single.has(name)) throw damaged(note.position, `the core has a second note ${name}`);
    const descriptor = await readDescriptor(core, note, name);
    if (name !== 'NT_PRSTATUS') single.set(name, descriptor);
    else addThread(threads, descriptor);
  }
  if (threads.size === 0) throw damaged(0, 'the core has no thread: no note NT_PRSTATUS');
  return { threads: [...threads.values()], ...singles(single) };
}

function singles(single: ReadonlyMap<string, Descriptor>): Omit<CoreNotes, 'threads'> {
  const psinfo = single.get('NT_PRPSINFO');
  const auxv = single.get('NT_AUXV');
  const mappedFiles = single.get('NT_FILE');
  const tree = single.get('CKPTREE');
  return {
    ...(psinfo && { process: processOf(psinfo) }),
    ...(auxv && { auxv }),
    ...(mappedFiles && { mappedFiles }),
    ...(tree && { tree }),
  };
}

const CORE_NAMES = new Map<number, string>(Object.entries(NT).map(([name, type]) => [type, `NT_${name}`]));

/** The note's name when it is one that is read. */
function nameOf({ owner, type }: Note): string | undefined {
  if (owner === CKPTREE_OWNER && type === NT_CKPTREE_TREE) return 'CKPTREE';
  if (owner !== 'CORE') return undefined;
  return CORE_NAMES.get(type);
}

function processOf(descriptor: Descriptor): ProcessInfo {
  const process = decodeProcessInfo(sized(descriptor, PRPSINFO_SIZE, 'NT_PRPSINFO'));
  requireIds(process, descriptor.position);
  return process;
}

/** Ids are 0 where they lie outside of the pid namespace, and never less. */
function requireIds({ ppid, pgid, sid }: ThreadStatus | ProcessInfo, position: number): void {
  if (ppid < 0 || pgid < 0 || sid < 0)
    throw damaged(position, `a parent, process group or session has a negative id: ${ppid}, ${pgid}, ${sid}`);
}

function addThread(threads: Map<number, ThreadStatus>, descriptor: Descriptor): void {
  const thread = decodeThreadStatus(sized(descriptor, PRSTATUS_SIZE, 'NT_PRSTATUS'));
  if (thread.pid <= 0) throw damaged(descriptor.position, `a thread has the pid ${thread.pid}`);
  if (threads.has(thread.pid)) throw damaged(descriptor.position, `two threads have the pid ${thread.pid}`);
  requireIds(thread, descriptor.position);
  threads.set(thread.pid, thread);
}

function sized({ bytes, position }: Descriptor, size: number, name: string): Uint8Array {
  if (bytes.length !== size)
    throw damaged(position, `the note ${name} has ${bytes.length} bytes, not the ${size} of x86-64 Linux`);
  return bytes;
}

async function readDescriptor(core: ExactReader, note: Note, name: string): Promise<Descriptor> {
  if (note.length > MAX_NOTE_BYTES)
    throw new CkptError(
      'E2BIG',
      `the note ${name} has ${note.length} bytes; at most ${MAX_NOTE_BYTES} are read`,
      {
        position: note.position,
      },
    );
  return { bytes: await core.read(note.position, note.length, `the note ${name}`), position: note.position };
}

/** Longest owner that is read, with its NUL; those of longer ones are none of ours. */
const OWNER_BYTES = 8;

async function* notesOf(core: ExactReader, segments: readonly NoteSegment[]): AsyncGenerator<Note> {
  let count = 0;
  for (const { position, length, align } of segments) {
    await core.require(position, length, 'a note segment');
    const end = position + length;
    const padded = (size: number) => Math.ceil(size / align) * align;
    for (let at = position; at + NHDR.size <= end; ) {
      if (++count > MAX_NOTES)
        throw new CkptError('E2BIG', `the core has more than ${MAX_NOTES} notes`, { position: at });
      const bytes = await core.readAhead(at, NHDR.size + OWNER_BYTES);
      const { namesz, descsz, type } = NHDR.decode(bytes);
      const desc = at + padded(NHDR.size + namesz);
      if (desc + descsz > end)
        throw damaged(at, `a note of ${namesz} + ${descsz} bytes reaches beyond its segment`);
      const owner = namesz > OWNER_BYTES ? '' : ownerName(bytes.subarray(NHDR.size, NHDR.size + namesz));
      yield { owner, type, position: desc, length: descsz };
      at = desc + padded(descsz);
    }
  }
}

/** The owner up to its NUL; some writers leave the NUL out. */
function ownerName(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, nul < 0 ? bytes.length : nul));
}
