import { CkptError } from '@ckptree/errors';
import {
  EXIT_ZOMBIE,
  type FileTable,
  FMODE,
  type Mm,
  type OpenFile,
  TASK_STATE,
  type Task,
  type TaskTree,
  type Vma,
} from '@ckptree/model';
import type { CutPiece, MmPiece, TaskPiece } from '../cpu/messages.js';
import type { FileVersions } from '../files/file-versions.js';
import { OpenFiles, PROGRAM_FOLDER } from '../files/open-files.js';
import type { FileObject } from '../memory/file-object.js';
import { ProcessTable } from '../process/process-table.js';
import { SLOT, STATE } from '../process/slot.js';
import type { Roll } from './freezer.js';

/** Puts the pieces of a cut together: plain data in which shared objects are shared references. */
export class CutAssembly {
  readonly #roll: Pick<Roll, 'members' | 'zombies'>;
  readonly #arenas: readonly SharedArrayBuffer[];
  #scene: { readonly table: ProcessTable; readonly files: OpenFiles } | undefined;
  readonly #tasks = new Map<number, TaskPiece>();
  readonly #mms = new Map<number, MmPiece>();
  readonly #tables = new Map<number, CutPiece['tables'][number]>();

  /** @param arenas of the physical memory */
  constructor(roll: Pick<Roll, 'members' | 'zombies'>, arenas: readonly SharedArrayBuffer[]) {
    this.#roll = roll;
    this.#arenas = arenas;
  }

  add(piece: CutPiece): void {
    const { scene } = piece;
    if (scene !== undefined)
      this.#scene = { table: new ProcessTable(scene.table), files: new OpenFiles(scene.files) };
    for (const task of piece.tasks) this.#tasks.set(task.slot, task);
    for (const mm of piece.mms) this.#mms.set(mm.id, mm);
    for (const table of piece.tables) this.#tables.set(table.id, table);
  }

  /** The tasks of the cut, without those that had ended before it and were waited for meanwhile. */
  async tree(versions: FileVersions): Promise<TaskTree> {
    if (this.#scene === undefined) throw new CkptError('EIO', 'no cpu kept what the tasks of the cut share');
    const { table: processes, files: opened } = this.#scene;
    const files = await this.#openFiles(opened, versions);
    const tables = new Map([...this.#tables.values()].map((table) => [table.id, fileTable(table, files)]));
    const mms = new Map([...this.#mms.values()].map((mm) => [mm.id, this.#mm(mm, files)]));
    const present = this.#roll.members.filter((slot) => !this.#hasGone(processes, slot));
    const tasks = present.map((slot) => this.#task(processes, slot, mms, tables));
    return { rootPid: tasks[0]?.pid ?? 0, tasks };
  }

  #hasGone(table: ProcessTable, slot: number): boolean {
    const pid = this.#roll.zombies.get(slot);
    if (pid === undefined) return false;
    return table.get(slot, SLOT.STATE) !== STATE.ZOMBIE || table.get(slot, SLOT.PID) !== pid;
  }

  #task(
    table: ProcessTable,
    slot: number,
    mms: ReadonlyMap<number, Mm>,
    tables: ReadonlyMap<number, FileTable>,
  ): Task {
    const identity = {
      pid: table.get(slot, SLOT.PID),
      ppid: table.get(slot, SLOT.PPID),
      tgid: table.get(slot, SLOT.TGID),
      pgid: table.get(slot, SLOT.PGID),
      sid: table.get(slot, SLOT.SID),
      comm: table.comm(slot),
      exitSignal: table.get(slot, SLOT.EXIT_SIGNAL),
      pdeathSignal: table.get(slot, SLOT.PDEATH_SIGNAL),
    };
    if (table.get(slot, SLOT.STATE) === STATE.ZOMBIE) return { ...identity, ...zombieState(table, slot) };
    const piece = this.#tasks.get(slot);
    const mm = piece && mms.get(piece.mm);
    const files = piece && tables.get(piece.files);
    if (piece === undefined || mm === undefined || files === undefined)
      throw new CkptError('EIO', `no cpu recorded task ${identity.pid} at the cut`, { pid: identity.pid });
    const { registers, setChildTid, clearChildTid, robustList } = piece;
    const state =
      table.get(slot, SLOT.STATE) === STATE.BLOCKED ? TASK_STATE.INTERRUPTIBLE : TASK_STATE.RUNNING;
    return {
      ...identity,
      state,
      exitState: 0,
      exitCode: 0,
      registers,
      setChildTid,
      clearChildTid,
      robustList,
      mm,
      files,
    };
  }

  #mm({ leaves, history, exe, vmas, ...rest }: MmPiece, files: ReadonlyMap<number, OpenFile>): Mm {
    const memory = { arenas: this.#arenas, leaves, history };
    const mapped = vmas.map(
      ({ file, ...vma }): Vma => (file === undefined ? vma : { ...vma, file: files.get(file.id)! }),
    );
    return { ...rest, memory, vmas: mapped, ...(exe === undefined ? {} : { exe: files.get(exe.id)! }) };
  }

  /** Every open file that the tree refers to, as it was at the cut. */
  async #openFiles(opened: OpenFiles, versions: FileVersions): Promise<ReadonlyMap<number, OpenFile>> {
    const met = new Map<number, FileObject>();
    for (const { list } of this.#tables.values()) for (const { file } of list) met.set(file.id, file);
    for (const { exe, vmas } of this.#mms.values()) {
      if (exe !== undefined) met.set(exe.id, exe);
      for (const { file } of vmas) if (file !== undefined) met.set(file.id, file);
    }
    const files = new Map<number, OpenFile>();
    for (const { id, key, path, mode, flags } of met.values()) {
      const { refs, pos, absent } = opened.state(id);
      // What a task may write changes by its own doing; only what it may not has a version to hold it to.
      const fixed = !absent && (mode & FMODE.WRITE) === 0 && !path.startsWith(PROGRAM_FOLDER);
      files.set(id, {
        id,
        ...(key !== undefined && { key }),
        users: refs,
        path,
        mode,
        flags,
        pos,
        version: fixed ? await versions.of(path) : 0n,
      });
    }
    return files;
  }
}

/** Of a zombie only the status is left, and the digest of its last state in two pointers that are dead by now. */
function zombieState(table: ProcessTable, slot: number) {
  const digest = new DataView(table.digest(slot).buffer);
  return {
    state: TASK_STATE.RUNNING,
    exitState: EXIT_ZOMBIE,
    exitCode: table.get(slot, SLOT.EXIT_STATUS),
    setChildTid: digest.getBigUint64(0, true),
    clearChildTid: digest.getBigUint64(8, true),
    robustList: 0n,
  };
}

function fileTable(
  { id, key, users, list }: CutPiece['tables'][number],
  files: ReadonlyMap<number, OpenFile>,
): FileTable {
  return {
    id,
    ...(key !== undefined && { key }),
    users,
    descriptors: list.map(({ fd, closeOnExec, file }) => ({ fd, closeOnExec, file: files.get(file.id)! })),
  };
}
