import type { FileDescriptor, FileTable, Mm, OpenFile, StoredPages, Task, Vma } from '@ckptree/model';
import { AT_VECTOR_SIZE } from '@ckptree/model';
import { IMAGE_FLAG, VMA_TYPE } from '../constants.js';
import type { DecodedHead, ImageVisitor, Pids } from '../grammar/visitor.js';
import type { RecordValues } from '../records.js';
import type { ImageContents, TaskRecords } from './contents.js';
import { Runs } from './runs.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** An address space while its records come in. */
interface GrowingMm {
  readonly mm: Mutable<Mm<StoredPages>> & { vmas: Vma[] };
  readonly runs: Runs;
}

interface GrowingTask {
  readonly task: Mutable<Task<StoredPages>>;
  readonly records: Mutable<TaskRecords>;
}

/**
 * Builds the task tree of an image that keeps all rules. Objects are known by their objrefs; `users` counts what
 * the image itself shows: tasks for tables and address spaces; descriptors, vmas and executables for files.
 */
export class TreeBuilder implements ImageVisitor {
  #head: DecodedHead | undefined;
  readonly #pids: Pids[] = [];
  readonly #tasks: GrowingTask[] = [];
  readonly #files = new Map<number, Mutable<OpenFile>>();
  readonly #tables = new Map<number, Mutable<FileTable> & { descriptors: FileDescriptor[] }>();
  readonly #mms = new Map<number, Mutable<Mm<StoredPages>>>();
  #table: { descriptors: FileDescriptor[] } | undefined;
  #mm: GrowingMm | undefined;

  head(head: DecodedHead): void {
    this.#head = head;
  }

  pids(pids: Pids): void {
    this.#pids.push(pids);
  }

  task(values: RecordValues<'TASK'>, comm: string): void {
    const { vpid, vppid, vtgid, vpgid, vsid } = this.#pids[this.#tasks.length]!;
    const task = {
      pid: vpid,
      ppid: vppid,
      tgid: vtgid,
      pgid: vpgid,
      sid: vsid,
      comm,
      state: values.state,
      exitState: values.exit_state,
      exitCode: values.exit_code,
      // Signed: -1 for a thread.
      exitSignal: values.exit_signal | 0,
      pdeathSignal: values.pdeath_signal,
      setChildTid: values.set_child_tid,
      clearChildTid: values.clear_child_tid,
      robustList: values.robust_futex_list,
    };
    this.#tasks.push({ task, records: { task: values } });
  }

  thread(thread: RecordValues<'THREAD'>): void {
    this.#last.records.thread = thread;
  }

  restartBlock(restartBlock: RecordValues<'RESTART_BLOCK'>): void {
    this.#last.records.restartBlock = restartBlock;
  }

  cpu(registers: Uint8Array): void {
    this.#last.task.registers = registers.slice();
  }

  fileTable(objref: number): void {
    const table = { id: objref, users: 0, descriptors: [] };
    this.#tables.set(objref, table);
    this.#table = table;
  }

  fileDesc({ fd_objref, fd_descriptor, fd_close_on_exec }: RecordValues<'FILE_DESC'>): void {
    const file = this.#useFile(fd_objref);
    this.#table?.descriptors.push({ fd: fd_descriptor, closeOnExec: fd_close_on_exec !== 0, file });
  }

  file(objref: number, values: RecordValues<'FILE'>, path: string): void {
    this.#files.set(objref, {
      id: objref,
      users: 0,
      path,
      mode: values.f_mode,
      flags: values.f_flags,
      pos: Number(values.f_pos),
      version: values.f_version,
    });
  }

  mm(objref: number, values: RecordValues<'MM'>, auxv: DataView): void {
    const mm = {
      id: objref,
      users: 0,
      layout: layoutOf(values),
      flags: values.flags,
      defFlags: values.def_flags,
      auxv: BigUint64Array.from({ length: AT_VECTOR_SIZE }, (_, index) => auxv.getBigUint64(index * 8, true)),
      context: { vdso: 0, ldt: new Uint8Array(0) },
      ...(values.exe_objref !== 0 && { exe: this.#useFile(values.exe_objref) }),
      mapCount: values.map_count,
      vmas: [],
      outstandingAio: 0,
      memory: { runs: new Float64Array(0) },
    };
    this.#mms.set(objref, mm);
    this.#mm = { mm, runs: new Runs() };
  }

  vma(values: RecordValues<'VMA'>): void {
    this.#mm?.mm.vmas.push({
      start: Number(values.vm_start),
      end: Number(values.vm_end),
      flags: Number(values.vm_flags),
      pageProt: values.vm_page_prot,
      pgoff: Number(values.vm_pgoff),
      ...this.#backing(values),
    });
  }

  pages(address: number, pages: number, position: number): void {
    this.#mm?.runs.push(address, position, pages);
  }

  mmContext({ vdso }: RecordValues<'MM_CONTEXT'>, ldt: Uint8Array): void {
    if (this.#mm === undefined) return;
    const { mm, runs } = this.#mm;
    mm.context = { vdso: Number(vdso), ldt: ldt.slice() };
    mm.memory = runs.finish();
    this.#mm = undefined;
  }

  taskObjs({ files_objref, mm_objref }: RecordValues<'TASK_OBJS'>): void {
    const { task } = this.#last;
    const table = this.#tables.get(files_objref);
    if (table !== undefined) {
      table.users++;
      task.files = table;
    }
    const mm = this.#mms.get(mm_objref);
    if (mm !== undefined) {
      mm.users++;
      task.mm = mm;
    }
  }

  /** @returns what was built; undefined when there was no head */
  finish(): Pick<ImageContents, 'head' | 'subtree' | 'tree' | 'taskRecords'> | undefined {
    if (this.#head === undefined) return undefined;
    const tasks = this.#tasks.map(({ task }) => task);
    return {
      head: this.#head,
      subtree: (this.#head.header.uflags & IMAGE_FLAG.SUBTREE) !== 0n,
      tree: { rootPid: tasks[0]?.pid ?? 0, tasks },
      taskRecords: this.#tasks.map(({ records }) => records),
    };
  }

  get #last(): GrowingTask {
    return this.#tasks.at(-1)!;
  }

  #useFile(objref: number): OpenFile {
    const file = this.#files.get(objref)!;
    file.users++;
    return file;
  }

  #backing({ vma_type, vma_objref }: RecordValues<'VMA'>): Pick<Vma, 'ops' | 'name' | 'file'> {
    if (vma_type === VMA_TYPE.FILE) return { ops: 'file', file: this.#useFile(vma_objref) };
    return vma_type === VMA_TYPE.VDSO ? { ops: 'special', name: '[vdso]' } : { ops: 'none' };
  }
}

const layoutOf = (mm: RecordValues<'MM'>): Mm['layout'] => ({
  startCode: Number(mm.start_code),
  endCode: Number(mm.end_code),
  startData: Number(mm.start_data),
  endData: Number(mm.end_data),
  startBrk: Number(mm.start_brk),
  brk: Number(mm.brk),
  startStack: Number(mm.start_stack),
  argStart: Number(mm.arg_start),
  argEnd: Number(mm.arg_end),
  envStart: Number(mm.env_start),
  envEnd: Number(mm.env_end),
});
