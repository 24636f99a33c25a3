import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE, SIGCHLD } from '@ckptree/model';
import { OPEN_FLAGS, type OpenFiles } from '../files/open-files.js';
import type { FileObject } from '../memory/file-object.js';
import type { UserMemory } from '../memory/user-memory.js';
import type { ProcessTable } from '../process/process-table.js';
import { SLOT, STATE } from '../process/slot.js';
import type { CloneRequest, MmapRequest, Sys } from '../program.js';
import type { Registers } from '../registers.js';
import { type CpuControl, IRQ } from './cpu-control.js';
import type { Nursery } from './nursery.js';
import type { Task } from './task.js';

/** A read or write moves at most so much in one tick. */
const MAX_TRANSFER = 1 << 20;
/** Outstanding asynchronous requests of one address space. */
const MAX_AIO_REQUESTS = 128;

/** Signals that do not end a task. */
const HARMLESS = new Set([0, SIGCHLD]);

/** What system calls are made on. */
export interface SystemCallParts {
  readonly table: ProcessTable;
  readonly files: OpenFiles;
  readonly control: CpuControl;
  readonly nursery: Nursery;
}

/** The system calls of one task. */
export class SystemCalls implements Sys {
  readonly #parts: SystemCallParts;
  readonly #task: Task;

  constructor(parts: SystemCallParts, task: Task) {
    this.#parts = parts;
    this.#task = task;
  }

  get pid(): number {
    return this.#parts.table.get(this.#task.slot, SLOT.PID);
  }

  get ppid(): number {
    return this.#parts.table.get(this.#task.slot, SLOT.PPID);
  }

  get regs(): Registers {
    return this.#task.registers;
  }

  get mem(): UserMemory {
    return this.#task.mm.mem;
  }

  mmap({ fd, offset = 0, prot, ...request }: MmapRequest): number {
    const mapping = { ...request, protection: prot };
    if (fd === undefined) return this.#task.mm.mmap(mapping);
    if (offset % PAGE_SIZE !== 0) throw new CkptError('EINVAL', `mmap: offset ${offset} is not page-aligned`);
    return this.#task.mm.mmap({ ...mapping, file: this.#file(fd), pgoff: offset / PAGE_SIZE });
  }

  munmap(address: number, length: number): void {
    this.#task.mm.munmap(address, length);
  }

  mprotect(address: number, length: number, prot: MmapRequest['prot']): void {
    this.#task.mm.mprotect(address, length, prot);
  }

  brk(address?: number): number {
    return this.#task.mm.brk(address);
  }

  modifyLdt(index: number, entry: Uint8Array): void {
    this.#task.mm.setLdtEntry(index, entry);
  }

  open(path: string, flags: keyof typeof OPEN_FLAGS): number {
    return this.#install(this.#parts.files.open(path, OPEN_FLAGS[flags]));
  }

  close(fd: number): void {
    this.#task.files.close(fd);
  }

  setCloseOnExec(fd: number, closes: boolean): void {
    this.#task.files.setCloseOnExec(fd, closes);
  }

  dup(fd: number): number {
    const file = this.#file(fd);
    this.#parts.files.grab(file);
    return this.#install(file);
  }

  read(fd: number, address: number, count: number): number {
    const bytes = new Uint8Array(Math.min(count, MAX_TRANSFER));
    const moved = this.#parts.files.read(this.#file(fd), bytes);
    this.mem.write(address, bytes.subarray(0, moved));
    return moved;
  }

  write(fd: number, address: number, count: number): number {
    return this.#parts.files.write(this.#file(fd), this.mem.read(address, Math.min(count, MAX_TRANSFER)));
  }

  lseek(fd: number, position: number): number {
    return this.#parts.files.seek(this.#file(fd), position);
  }

  clone(request: CloneRequest = {}): number {
    if (request.thread && !request.vm)
      throw new CkptError('EINVAL', 'clone: a thread must share its memory (vm)');
    return this.#parts.nursery.clone(this.#task, request);
  }

  exec(program: string, params: unknown): void {
    this.#parts.nursery.exec(this.#task, program, params);
  }

  exit(code: number): void {
    this.#task.exitStatus = (code & 0xff) << 8;
  }

  wait(pid: number): { pid: number; status: number } | undefined {
    const { table } = this.#parts;
    return table.locked(() => {
      const child = table.find(pid);
      const mine = child !== undefined && table.get(child, SLOT.PARENT) === this.#task.slot;
      if (!mine || table.get(child, SLOT.EXIT_SIGNAL) !== SIGCHLD)
        throw new CkptError('ECHILD', `task ${this.pid} has no child ${pid} to wait for`, { pid: this.pid });
      if (table.get(child, SLOT.STATE) !== STATE.ZOMBIE) return undefined;
      const status = table.get(child, SLOT.EXIT_STATUS);
      table.releaseLocked(child);
      return { pid, status };
    });
  }

  kill(pid: number, signal: number): void {
    const { table } = this.#parts;
    const cpu = table.locked(() => {
      const slot = table.find(pid);
      if (slot === undefined) throw new CkptError('ESRCH', `there is no task ${pid}`, { pid });
      const mustTell = !HARMLESS.has(signal) && table.signalLocked(slot, signal);
      return mustTell ? table.get(slot, SLOT.CPU) : undefined;
    });
    if (cpu !== undefined) this.#parts.control.ring(cpu, IRQ.WAKE);
  }

  setpgid(pgid: number): void {
    this.#parts.table.locked(() =>
      this.#parts.table.set(this.#task.slot, SLOT.PGID, pgid === 0 ? this.pid : pgid),
    );
  }

  setsid(): number {
    const { table } = this.#parts;
    return table.locked(() => {
      if (table.get(this.#task.slot, SLOT.PGID) === this.pid)
        throw new CkptError('EPERM', `task ${this.pid} leads a process group and cannot begin a session`, {
          pid: this.pid,
        });
      table.set(this.#task.slot, SLOT.SID, this.pid);
      table.set(this.#task.slot, SLOT.PGID, this.pid);
      return this.pid;
    });
  }

  ioSubmit(fd: number, address: number, count: number, offset: number): void {
    this.#task.mm.ioSubmit(this.#aioContext(), { file: this.#file(fd), address, count, offset });
  }

  ioGetEvents(): number {
    return this.#task.mm.ioComplete(this.#aioContext(), ({ file, address, count, offset }) => {
      const bytes = new Uint8Array(Math.min(count, MAX_TRANSFER));
      this.mem.write(address, bytes.subarray(0, this.#parts.files.readAt(file, bytes, offset)));
    });
  }

  /** The address space's context for asynchronous requests, made when it is first needed. */
  #aioContext(): number {
    const { mm } = this.#task;
    return mm.aioContexts[0]?.id ?? mm.ioSetup(MAX_AIO_REQUESTS);
  }

  /** Takes over one reference to the file, also when there is no descriptor left for it. */
  #install(file: FileObject): number {
    try {
      return this.#task.files.install(file);
    } catch (error) {
      this.#parts.files.drop(file);
      throw error;
    }
  }

  #file(fd: number): FileObject {
    return this.#task.files.file(fd);
  }
}
