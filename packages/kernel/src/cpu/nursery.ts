import type { MessagePort } from 'node:worker_threads';
import { asCkptError, CkptError } from '@ckptree/errors';
import { SIGCHLD } from '@ckptree/model';
import { Descriptors } from '../files/descriptors.js';
import { O, type OpenFiles, PROGRAM_FOLDER } from '../files/open-files.js';
import { AddressSpace, emptyDescription } from '../memory/address-space.js';
import { layoutFresh } from '../memory/fresh-layout.js';
import type { MmResources } from '../memory/page-fault.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, INHERITED_FLAGS, SLOT } from '../process/slot.js';
import { isAloneInGroupLocked } from '../process/thread-group.js';
import type { CloneRequest, Program, Sys } from '../program.js';
import { hosted } from '../programs/hosted.js';
import { prepareParams } from '../programs/params.js';
import { programNamed } from '../programs/registry.js';
import { Registers } from '../registers.js';
import { type CpuControl, IRQ } from './cpu-control.js';
import type { AdoptedTask, Adoption, SpawnedTask, TableDescription, ToCpu } from './messages.js';
import { Task } from './task.js';
import { atTask } from './task-error.js';

export interface NurseryParts {
  /** The cpu that this is the nursery of. */
  readonly index: number;
  readonly table: ProcessTable;
  readonly files: OpenFiles;
  readonly resources: MmResources;
  readonly control: CpuControl;
  /** To each other cpu, by its index. */
  readonly peers: readonly (MessagePort | undefined)[];
  /** The tasks of this cpu, by slot. */
  readonly tasks: ReadonlyMap<number, Task>;
  /** Takes in a task that is ready to run. */
  readonly host: (task: Task) => void;
  readonly sysOf: (task: Task) => Sys;
}

/** A program with all that it begins with. */
interface FreshProgram {
  readonly name: string;
  readonly params: unknown;
  readonly mm: AddressSpace;
}

/** Where the tasks of a cpu come from: spawned with a program, cloned from a parent, adopted with a state. */
export class Nursery {
  readonly #parts: NurseryParts;

  constructor(parts: NurseryParts) {
    this.#parts = parts;
  }

  /** See `Sys.clone`. */
  clone(parent: Task, request: CloneRequest): number {
    const cpu =
      request.vm || request.files ? this.#parts.index : this.#parts.control.leastLoaded(this.#parts.index);
    const mm = request.vm ? parent.mm : parent.mm.fork(this.#parts.control.nextMmId());
    const files = request.files ? parent.files : parent.files.fork(this.#parts.control.nextTableId());
    let slot: number;
    try {
      slot = this.#addChild(parent, request, cpu);
    } catch (error) {
      if (mm !== parent.mm) mm.destroy();
      if (files !== parent.files) files.drop();
      throw error;
    }
    const child = new Task(slot, parent.program, new Registers(parent.registers.bytes), mm, files);
    child.registers.set('ax', 0);
    const pid = this.#parts.table.get(slot, SLOT.PID);
    parent.registers.set('ax', pid);
    if (request.vm) mm.users++;
    if (request.files) files.users++;
    this.#parts.control.addLoad(cpu, 1);
    if (cpu === this.#parts.index) this.#parts.host(child);
    else this.#migrate(child, cpu);
    return pid;
  }

  /** See `Sys.exec`. */
  exec(task: Task, name: string, params: unknown): void {
    this.#checkAlone(task);
    const fresh = this.#prepare(name, params);
    // Those who shared the descriptors keep theirs: unshare_files(), fs/exec.c.
    if (task.files.users > 1) {
      const own = task.files.fork(this.#parts.control.nextTableId());
      task.files.drop();
      task.files = own;
    }
    task.files.closeOnExec();
    this.#begin(task, fresh);
  }

  /** Linux ends the others first, and the caller takes the leader's pid: de_thread(), fs/exec.c. No program here needs that. */
  #checkAlone({ slot }: Task): void {
    const { table } = this.#parts;
    if (table.locked(() => isAloneInGroupLocked(table, slot))) return;
    const pid = table.get(slot, SLOT.PID);
    const message = `exec: task ${pid} shares its thread group with others; they must have ended before`;
    throw new CkptError('EPERM', message, { pid });
  }

  /** What a program begins with. @throws ENOENT no such program; EINVAL wrong parameters; ENOMEM */
  #prepare(name: string, params: unknown): FreshProgram {
    const checked = prepareParams(name, params);
    const exe = this.#parts.files.open(`${PROGRAM_FOLDER}${name}`, O.RDONLY);
    try {
      const id = this.#parts.control.nextMmId();
      return { name, params: checked, mm: layoutFresh(this.#parts.resources, { id, exe, args: [name] }) };
    } finally {
      this.#parts.files.drop(exe);
    }
  }

  /** Gives a task a program, with memory and registers of its own. */
  #begin(task: Task, { name, params, mm }: FreshProgram): void {
    dropMm(task.mm);
    task.mm = mm;
    task.program = programNamed(name);
    task.registers = new Registers();
    this.#parts.table.setComm(task.slot, name);
    task.program.start(this.#parts.sysOf(task), params);
  }

  /** Every task gets its place first, so that whatever fails later, each can be ended like any other. */
  spawn(spawned: readonly SpawnedTask[]): void {
    const tasks = spawned.map((entry) => this.#place(entry));
    spawned.forEach(({ program, params, mmOf }, index) => {
      const task = tasks[index]!;
      try {
        const name = this.#parts.table.comm(task.slot);
        if (mmOf === undefined) this.#begin(task, this.#prepare(program, params));
        else this.#startBeside(task, this.#parts.tasks.get(mmOf)!, program, params);
        this.#parts.table.setComm(task.slot, name);
      } catch (error) {
        throw atTask(this.#parts.table, task, asCkptError(error));
      }
    });
  }

  /** A task that has descriptors but no program and no memory yet. */
  #place({ slot, filesOf, table }: SpawnedTask): Task {
    const shared = filesOf === undefined ? undefined : this.#parts.tasks.get(filesOf)?.files;
    const files = shared ?? this.#newTable(table);
    if (shared !== undefined) shared.users++;
    const nothing = AddressSpace.fromDescription(
      this.#parts.resources,
      emptyDescription(this.#parts.control.nextMmId()),
    );
    const task = new Task(slot, hosted, new Registers(), nothing, files);
    this.#parts.control.addLoad(this.#parts.index, 1);
    this.#parts.host(task);
    return task;
  }

  /** Starts a program in the address space of another task. */
  #startBeside(task: Task, other: Task, name: string, params: unknown): void {
    dropMm(task.mm);
    task.mm = other.mm;
    task.mm.users++;
    task.program = programNamed(name);
    task.program.start(this.#parts.sysOf(task), prepareParams(name, params));
  }

  /** Tasks that come from an image. */
  restart(adoption: Adoption): void {
    this.#parts.control.addLoad(this.#parts.index, adoption.tasks.length);
    this.adopt(adoption);
  }

  /** Tasks that bring their state along; they count among this cpu's already. */
  adopt({ tasks, mms, tables }: Adoption): void {
    const spaces = mms.map((mm) => AddressSpace.fromDescription(this.#parts.resources, mm));
    const descriptors = tables.map((table) => this.#newTable(table));
    for (const space of spaces) space.users = 0;
    for (const table of descriptors) table.users = 0;
    for (const adopted of tasks) {
      const mm = spaces[adopted.mm]!;
      const files = descriptors[adopted.files]!;
      mm.users++;
      files.users++;
      const program = programOf(mm.exe?.path);
      this.#parts.host(
        restored(adopted, new Task(adopted.slot, program, new Registers(adopted.registers), mm, files)),
      );
    }
  }

  #newTable({ list, key }: TableDescription): Descriptors {
    return new Descriptors(this.#parts.control.nextTableId(), this.#parts.files, list, key);
  }

  #addChild(parent: Task, request: CloneRequest, cpu: number): number {
    const { table } = this.#parts;
    return table.locked(() => {
      const { slot } = parent;
      // Whoever kills a tree signals all that there are: nobody may be born behind that.
      if ((table.flags(slot) & FLAG.SIGNALLED) !== 0)
        throw new CkptError('EINTR', 'clone: a signal came before the child was there');
      return table.addLocked({
        pid: request.pid ?? 0,
        comm: table.comm(slot),
        parent: request.thread ? table.leaderLocked(slot) : slot,
        cpu,
        ppid: request.thread ? table.get(slot, SLOT.PPID) : table.get(slot, SLOT.PID),
        tgid: request.thread ? table.get(slot, SLOT.TGID) : 0,
        pgid: table.get(slot, SLOT.PGID),
        sid: table.get(slot, SLOT.SID),
        exitSignal: request.thread ? -1 : SIGCHLD,
        flags: table.flags(slot) & INHERITED_FLAGS,
      });
    });
  }

  /** Sends a task to the cpu that its process table entry names; its references go along. */
  #migrate(task: Task, cpu: number): void {
    const { slot, registers, setChildTid, clearChildTid, robustList, mm, files } = task;
    const message: ToCpu = {
      type: 'migrate',
      tasks: [{ slot, registers: registers.bytes, setChildTid, clearChildTid, robustList, mm: 0, files: 0 }],
      mms: [mm.describe()],
      tables: [{ list: files.list }],
    };
    this.#parts.peers[cpu]!.postMessage(message);
    this.#parts.control.ring(cpu, IRQ.MESSAGE);
  }
}

function restored(adopted: AdoptedTask, task: Task): Task {
  task.setChildTid = adopted.setChildTid;
  task.clearChildTid = adopted.clearChildTid;
  task.robustList = adopted.robustList;
  return task;
}

/** The program that an executable stands for. @throws ENOENT it stands for none */
function programOf(path = ''): Program {
  return programNamed(path.startsWith(PROGRAM_FOLDER) ? path.slice(PROGRAM_FOLDER.length) : path);
}

/** One user less; the last one gives the memory back. */
export function dropMm(mm: AddressSpace): void {
  if (--mm.users === 0) mm.destroy();
}
