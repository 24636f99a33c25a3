import { vmaRange } from '@ckptree/model';
import type { Finding } from '../finding.js';
import type { RecordValues } from '../records.js';
import type { FindingCode } from '../rules.js';
import { Objects } from './objects.js';
import type { State } from './state.js';
import type { DecodedHead, ImageVisitor } from './visitor.js';

/** The task whose records are being read. */
export interface CurrentTask {
  readonly pid: number | undefined;
  comm: string;
  readonly values: RecordValues<'TASK'>;
  /** Objrefs of what is written with this task and must be used by it; 0: nothing. */
  newFileTable: number;
  newMm: number;
}

export interface CurrentFileTable {
  readonly objref: number;
  /** Descriptors still to come; unknown after damage. */
  left: number | undefined;
  lastFd: number;
}

/** A file where it is first met: the record behind it uses it. */
export interface CurrentFile {
  readonly objref: number;
  /** The state that takes that record. */
  readonly user: State;
  values: RecordValues<'FILE'> | undefined;
}

/** The address space whose records are being read. */
export interface CurrentMm {
  readonly objref: number;
  values: RecordValues<'MM'> | undefined;
  context: RecordValues<'MM_CONTEXT'> | undefined;
  /** vmas that it says it has; unknown after damage. */
  mapCount: number | undefined;
  vmas: number;
  /** Where the last vma ended. */
  end: number;
}

/** The vma whose contents are being read. */
export interface CurrentVma {
  readonly start: number;
  readonly end: number;
  /** The last page address; -1 before the first. */
  lastPage: number;
  /** Pages of the batch at hand; unknown after damage. */
  batch: number | undefined;
}

/** What the rules need to know of the records so far. */
export class Context {
  readonly visitor: ImageVisitor;
  readonly objects = new Objects((code, position, message) => this.report(code, position, message));
  readonly head: { -readonly [Part in keyof DecodedHead]?: DecodedHead[Part] } = {};
  /** pid of each task in the order of the tree, and the same as a set. */
  readonly pids: number[] = [];
  readonly knownPids = new Set<number>();
  /** Thread groups of the tasks so far, by tgid. */
  readonly knownGroups = new Set<number>();
  /** Tasks that there must be; unknown after damage. */
  taskCount: number | undefined;
  /** TASK records so far. */
  tasks = 0;
  task: CurrentTask | undefined;
  fileTable: CurrentFileTable | undefined;
  file: CurrentFile | undefined;
  mm: CurrentMm | undefined;
  vma: CurrentVma | undefined;
  /** The grammar is lost: what comes is not reported until it makes sense again. */
  lost = false;
  readonly #onFinding: (finding: Finding) => void;

  constructor(visitor: ImageVisitor, onFinding: (finding: Finding) => void) {
    this.visitor = visitor;
    this.#onFinding = onFinding;
  }

  report(code: FindingCode, position: number, message: string): void {
    this.#onFinding({ code, position, message, place: this.#place() });
  }

  startTask(values: RecordValues<'TASK'>): void {
    this.endTask();
    this.task = { pid: this.pids[this.tasks], comm: '', values, newFileTable: 0, newMm: 0 };
    this.tasks++;
  }

  endTask(): void {
    this.task = undefined;
    this.fileTable = undefined;
    this.file = undefined;
    this.mm = undefined;
    this.vma = undefined;
  }

  /** @param objref 0 when its announcement is damaged */
  startFileTable(objref: number): CurrentFileTable {
    if (this.task !== undefined && objref !== 0) this.task.newFileTable = objref;
    this.fileTable = { objref, left: undefined, lastFd: -1 };
    return this.fileTable;
  }

  /** @param objref 0 when its announcement is damaged */
  startMm(objref: number): CurrentMm {
    if (this.task !== undefined && objref !== 0) this.task.newMm = objref;
    this.fileTable = undefined;
    this.mm = { objref, values: undefined, context: undefined, mapCount: undefined, vmas: 0, end: 0 };
    return this.mm;
  }

  startVma(start: number, end: number): void {
    this.vma = { start, end, lastPage: -1, batch: undefined };
    if (this.mm === undefined) return;
    this.mm.vmas++;
    this.mm.end = end;
  }

  /** The file that was just written must be the one that is used now. @param objref 0 when none is used */
  useFile(objref: number, position: number): void {
    if (this.file !== undefined && this.file.objref !== objref)
      this.report(
        'object-unused',
        position,
        `the file just written, objref ${this.file.objref}, is not used here`,
      );
    this.file = undefined;
    this.objects.use('FILE', objref, position);
  }

  /** After damage no count is to be trusted. */
  lose(): void {
    this.lost = true;
    this.taskCount = undefined;
    if (this.fileTable !== undefined) this.fileTable.left = undefined;
    if (this.mm !== undefined) this.mm.mapCount = undefined;
    if (this.vma !== undefined) this.vma.batch = undefined;
  }

  #place(): Finding['place'] {
    const { task, vma } = this;
    return {
      ...(task?.pid !== undefined && { pid: task.pid, comm: task.comm }),
      ...this.#object(),
      ...(vma !== undefined && { vma: vmaRange(vma) }),
    };
  }

  #object(): Pick<Finding['place'], 'object' | 'objref'> {
    if (this.file !== undefined) return { object: 'FILE', objref: this.file.objref };
    if (this.mm !== undefined) return { object: 'MM', objref: this.mm.objref };
    if (this.fileTable !== undefined) return { object: 'FILE_TABLE', objref: this.fileTable.objref };
    return {};
  }
}
