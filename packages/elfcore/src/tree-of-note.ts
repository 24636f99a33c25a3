import type { FileTable, Mm, OpenFile, StoredPages, Task, TaskTree } from '@ckptree/model';
import { damaged } from './exact-reader.js';
import type { ThreadStatus } from './process-notes.js';
import type { LoadSegment } from './read-segments.js';
import { toCpuRecord } from './registers.js';
import { storedPages } from './stored-pages.js';
import type { TreeNote } from './tree-schema.js';

/** What a core says beside the CKPTREE note. */
export interface CoreParts {
  readonly threads: readonly ThreadStatus[];
  readonly auxv: BigUint64Array;
  readonly loads: readonly LoadSegment[];
}

/**
 * The tasks as they were when ckptree wrote the core. Objects are numbered as an image numbers them: in the order in
 * which they are first met.
 * @param position of the note, for errors
 * @throws EBADMSG the note and the rest of the core contradict each other
 */
export function treeOfNote(
  note: TreeNote,
  { threads, auxv, loads }: CoreParts,
  position: number,
): TaskTree<StoredPages> {
  const statusOf = matchThreads(note, threads, position);
  const living = note.tasks.filter(isAlive);
  let objects = 0;
  const users = countPlaces(fileUses(note));
  const tableUsers = countPlaces(living.map(({ fileTable }) => fileTable));
  const fileAt = once((place): OpenFile => {
    const { version, ...file } = note.files[place]!;
    return { id: ++objects, users: users.get(place) ?? 0, ...file, version: BigInt(version) };
  });
  const tableAt = once((place): FileTable => {
    const id = ++objects;
    const descriptors = note.fileTables[place]!.map(({ file, ...slot }) => ({ ...slot, file: fileAt(file) }));
    return { id, users: tableUsers.get(place) ?? 0, descriptors };
  });
  const mmAt = once((): Mm<StoredPages> => {
    const { layout, flags, defFlags, vdso, ldt, exe, vmas: described } = note.mm;
    const [id, exeFile] = [++objects, exe === undefined ? undefined : fileAt(exe)];
    const vmas = described.map(({ file, pageProt, ...vma }) => ({
      ...vma,
      pageProt: BigInt(pageProt),
      ...(file !== undefined && { file: fileAt(file) }),
    }));
    return {
      ...{ id, users: living.length, layout, flags: BigInt(flags), defFlags: BigInt(defFlags), auxv },
      context: { vdso, ldt: Uint8Array.from(Buffer.from(ldt, 'hex')) },
      ...(exeFile && { exe: exeFile }),
      ...{ mapCount: vmas.length, vmas, outstandingAio: 0, memory: storedPages(vmas, loads) },
    };
  });
  const tasks = note.tasks.map(({ fileTable, usedMath, ...task }): Task<StoredPages> => {
    const files = fileTable === undefined ? undefined : tableAt(fileTable);
    return {
      ...task,
      setChildTid: BigInt(task.setChildTid),
      clearChildTid: BigInt(task.clearChildTid),
      robustList: BigInt(task.robustList),
      ...(isAlive(task) && {
        registers: toCpuRecord(statusOf(task.pid).userRegs, usedMath),
        ...(files && { files }),
        mm: mmAt(0),
      }),
    };
  });
  return { rootPid: tasks[0]!.pid, tasks };
}

/** Makes the object of a place when it is first asked for. */
function once<T>(make: (place: number) => T): (place: number) => T {
  const made = new Map<number, T>();
  return (place) => {
    const known = made.get(place);
    if (known !== undefined) return known;
    const fresh = make(place);
    made.set(place, fresh);
    return fresh;
  };
}

/** Every reference to a file: of descriptors, the executable, vmas. */
const fileUses = ({ fileTables, mm }: TreeNote): (number | undefined)[] =>
  [...fileTables.flat(), { file: mm.exe }, ...mm.vmas].map(({ file }) => file);

/** How often each place is there. */
function countPlaces(places: readonly (number | undefined)[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const place of places) if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
  return counts;
}

/** A zombie has neither registers nor memory nor files. */
const isAlive = ({ exitState }: Pick<TreeNote['tasks'][number], 'exitState'>): boolean => exitState === 0;

function matchThreads(note: TreeNote, threads: readonly ThreadStatus[], position: number) {
  const byPid = new Map(threads.map((thread) => [thread.pid, thread]));
  const living = note.tasks.filter(isAlive);
  if (living.length !== threads.length)
    throw damaged(
      position,
      `the note CKPTREE tells of ${living.length} tasks, the core of ${threads.length}`,
    );
  return (pid: number): ThreadStatus => {
    const status = byPid.get(pid);
    if (status === undefined)
      throw damaged(position, `the note CKPTREE tells of task ${pid}, which has no registers`);
    return status;
  };
}
