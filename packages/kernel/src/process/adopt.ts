import { statSync } from 'node:fs';
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
} from '@ckptree/model';
import type { CpuControl } from '../cpu/cpu-control.js';
import type { AdoptedTask, TableDescription } from '../cpu/messages.js';
import { DIGEST_BYTES } from '../cpu/task.js';
import { O, type OpenFiles } from '../files/open-files.js';
import { isProgram } from '../hosting.js';
import type { AddressSpaceDescription } from '../memory/address-space.js';
import type { FileObject } from '../memory/file-object.js';
import { restoredHistory } from '../memory/mm-history.js';
import { disownChildrenLocked } from './exit.js';
import {
  enterAll,
  type NewcomerParts,
  type Newcomers,
  OpenedFiles,
  placeInTree,
  placeOnCpus,
} from './newcomers.js';
import type { NewTask } from './process-table.js';
import { SLOT, STATE } from './slot.js';

/** Mutable lists of what one cpu is told. */
interface Load {
  readonly tasks: AdoptedTask[];
  readonly mms: AddressSpaceDescription[];
  readonly tables: TableDescription[];
}

/**
 * Enters a tree, or the part of one that is placed here, whose memory lies in this kernel's frames already; its leaves'
 * references go over to the tasks.
 * @param tree `rootPid` is that of the whole tree
 * @throws EINVAL, ENOENT a task could never run; EEXIST a pid is taken; what the host says of a file
 */
export function enterAdopted(parts: NewcomerParts, tree: TaskTree): Newcomers<Load> {
  const { table, files, control } = parts;
  // No cpu would host such a task, so that it could not be ended either.
  tree.tasks.forEach(checkRunnable);
  const parents = parentIndexes(tree.tasks);
  const opened = new OpenedFiles(files);
  try {
    const objects = new Map([...openFilesOf(tree)].map((file) => [file, opened.keep(reopen(files, file))]));
    const cpus = placeOnCpus(control, companions(tree.tasks));
    const slots = enterAll(table, tree.tasks.length, (index, before) => {
      const task = tree.tasks[index]!;
      const place = placeInTree({ pid: task.pid, parent: parents[index], rootPid: tree.rootPid }, before);
      const entry: NewTask = { ...identity(task), ...place, cpu: cpus[index]!, tree: tree.rootPid };
      return task.exitState === EXIT_ZOMBIE
        ? table.addZombieLocked(entry, task.exitCode, zombieDigest(task))
        : table.addLocked(entry);
    });
    table.locked(() => {
      for (const [index, { exitState, state }] of tree.tasks.entries())
        if (exitState === EXIT_ZOMBIE) disownChildrenLocked(table, slots[index]!);
        else if (state === TASK_STATE.INTERRUPTIBLE) table.set(slots[index]!, SLOT.STATE, STATE.BLOCKED);
    });
    const perCpu = new Map<number, Load>();
    const packers = new Map<number, Packer>();
    tree.tasks.forEach((task, index) => {
      if (task.mm === undefined || task.files === undefined) return;
      const cpu = cpus[index]!;
      const packer = packers.get(cpu) ?? new Packer(opened, objects, control);
      packers.set(cpu, packer);
      packer.add(task, slots[index]!);
      perCpu.set(cpu, packer.load);
    });
    return { rootPid: tree.rootPid, slots, perCpu };
  } finally {
    opened.dropAll();
  }
}

/** @throws EINVAL it is alive and lacks what it takes to run; ENOENT its executable is none of the programs */
function checkRunnable({ pid, comm, exitState, registers, mm, files }: Task): void {
  if (exitState === EXIT_ZOMBIE) return;
  if (registers === undefined || mm === undefined || files === undefined)
    throw new CkptError(
      'EINVAL',
      `task ${pid} (${comm}) is alive and has not all of registers, address space and descriptor table`,
      { pid, comm },
    );
  const path = mm.exe?.path ?? '';
  if (!isProgram(path))
    throw new CkptError(
      'ENOENT',
      `task ${pid} (${comm}) runs ${path || 'nothing'}, which is no program here`,
      {
        pid,
        comm,
      },
    );
}

/** Collects what one cpu is told; objects that its tasks share are described once. */
class Packer {
  readonly load: Load = { tasks: [], mms: [], tables: [] };
  readonly #mms = new Map<Mm, number>();
  readonly #tables = new Map<FileTable, number>();
  readonly #opened: OpenedFiles;
  readonly #objects: ReadonlyMap<OpenFile, FileObject>;
  readonly #control: CpuControl;

  constructor(opened: OpenedFiles, objects: ReadonlyMap<OpenFile, FileObject>, control: CpuControl) {
    this.#opened = opened;
    this.#objects = objects;
    this.#control = control;
  }

  add({ registers, setChildTid, clearChildTid, robustList, mm, files }: Task, slot: number): void {
    if (mm === undefined || files === undefined || registers === undefined) return;
    const position = { mm: this.#mm(mm), files: this.#table(files) };
    this.load.tasks.push({ slot, registers, setChildTid, clearChildTid, robustList, ...position });
  }

  #mm(mm: Mm): number {
    const known = this.#mms.get(mm);
    if (known !== undefined) return known;
    const { layout, flags, defFlags, auxv, context, exe, vmas, memory } = mm;
    this.load.mms.push({
      id: this.#control.nextMmId(),
      layout,
      flags,
      defFlags,
      auxv,
      context,
      ...(exe === undefined ? {} : { exe: this.#use(exe) }),
      vmas: vmas.map(({ file, ...vma }) => (file === undefined ? vma : { ...vma, file: this.#use(file) })),
      leaves: memory.leaves,
      aio: [],
      history: restoredHistory(memory.history),
    });
    this.#mms.set(mm, this.load.mms.length - 1);
    return this.load.mms.length - 1;
  }

  #table(files: FileTable): number {
    const known = this.#tables.get(files);
    if (known !== undefined) return known;
    const { key, descriptors } = files;
    const list = descriptors.map(({ fd, closeOnExec, file }) => ({ fd, closeOnExec, file: this.#use(file) }));
    this.load.tables.push({ list, ...(key !== undefined && { key }) });
    this.#tables.set(files, this.load.tables.length - 1);
    return this.load.tables.length - 1;
  }

  #use(file: OpenFile): FileObject {
    return this.#opened.use(this.#objects.get(file)!);
  }
}

function identity({ pid, ppid, tgid, pgid, sid, comm, exitSignal, pdeathSignal }: Task) {
  return { pid, ppid, tgid, pgid, sid, comm, exitSignal, pdeathSignal };
}

/** In the list, the parent of each task; of a thread the first of its group: the leader, unless that has gone before it. */
function parentIndexes(tasks: readonly Task[]): (number | undefined)[] {
  const positions = new Map<number, number>();
  const groups = new Map<number, number>();
  return tasks.map(({ pid, ppid, tgid }, index) => {
    const parent = (tgid === pid ? undefined : groups.get(tgid)) ?? positions.get(ppid);
    positions.set(pid, index);
    if (!groups.has(tgid)) groups.set(tgid, index);
    return parent;
  });
}

/** For each task the first ones that have its memory and its descriptors: they must share a cpu. */
function companions(tasks: readonly Task[]): number[][] {
  const first = new Map<Mm | FileTable, number>();
  return tasks.map(({ mm, files }, index) =>
    [mm, files].map((object) => {
      if (object === undefined) return index;
      if (!first.has(object)) first.set(object, index);
      return first.get(object)!;
    }),
  );
}

function openFilesOf(tree: TaskTree): Set<OpenFile> {
  const files = new Set<OpenFile>();
  for (const { mm, files: table } of tree.tasks) {
    for (const { file } of table?.descriptors ?? []) files.add(file);
    if (mm?.exe !== undefined) files.add(mm.exe);
    for (const { file } of mm?.vmas ?? []) if (file !== undefined) files.add(file);
  }
  return files;
}

/** A read-only file of which nothing was known at the checkpoint may be missing here; a device of its name is as good as missing. */
function reopen(files: OpenFiles, { path, mode, flags, pos, version, key }: OpenFile): FileObject {
  const access = (mode & FMODE.WRITE) === 0 ? O.RDONLY : (mode & FMODE.READ) === 0 ? O.WRONLY : O.RDWR;
  const reopened = (flags & ~(3 | O.CREAT | O.TRUNC)) | access;
  const isProgram = path.startsWith('/ckptree/');
  return version === 0n && access === O.RDONLY && !isProgram && !isRegular(path)
    ? files.openAbsent(path, reopened, key)
    : files.open(path, reopened, pos, key);
}

function isRegular(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not to be seen
  }
}

function zombieDigest({ setChildTid, clearChildTid }: Task): Uint8Array {
  const digest = new DataView(new ArrayBuffer(DIGEST_BYTES));
  digest.setBigUint64(0, setChildTid, true);
  digest.setBigUint64(8, clearChildTid, true);
  return new Uint8Array(digest.buffer);
}
