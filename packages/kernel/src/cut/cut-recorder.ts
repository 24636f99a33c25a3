import type { CutPiece, CutScene, FromCpu, MmPiece, TaskPiece } from '../cpu/messages.js';
import type { Task } from '../cpu/task.js';
import type { Descriptors } from '../files/descriptors.js';
import type { AddressSpace } from '../memory/address-space.js';

/** Tasks in one message: small enough that telling of a large tree does not hold up the tasks that run again. */
const PIECE_TASKS = 256;

/** Mutable while its cut is recorded. */
interface Recording {
  tasks: TaskPiece[];
  mms: Map<number, MmPiece>;
  tables: Map<number, CutPiece['tables'][number]>;
}

/**
 * A cpu's part of a cut. While the tasks stand still it only keeps references to what never changes, copies the
 * registers and shares page table leaves; turning that into messages comes later, in small pieces between the ticks of
 * tasks that run again.
 */
export class CutRecorder {
  readonly #tell: (message: FromCpu) => void;
  readonly #isHeld: (cut: number) => boolean;
  #recording: Recording = emptyRecording();
  /** By cut. */
  readonly #untold = new Map<number, CutPiece[]>();

  /** @param isHeld whether the tasks of a cut still stand still, so that whoever froze them is not to be disturbed */
  constructor(tell: (message: FromCpu) => void, isHeld: (cut: number) => boolean) {
    this.#tell = tell;
    this.#isHeld = isHeld;
  }

  record(task: Task): void {
    const { slot, registers, setChildTid, clearChildTid, robustList, mm, files } = task;
    const copy = registers.bytes.slice();
    this.#recording.tasks.push({
      slot,
      registers: copy,
      setChildTid,
      clearChildTid,
      robustList,
      mm: mm.id,
      files: files.id,
    });
    if (!this.#recording.mms.has(mm.id)) this.#recording.mms.set(mm.id, mmPiece(mm));
    if (!this.#recording.tables.has(files.id)) this.#recording.tables.set(files.id, tablePiece(files));
  }

  /** Address spaces that were recorded since the last cut was sealed. */
  get mms(): number {
    return this.#recording.mms.size;
  }

  /** Every task of the cut is recorded. @param scene what all cpus share, told by one of them */
  seal(cut: number, scene?: CutScene): void {
    const { tasks, mms, tables } = this.#recording;
    this.#recording = emptyRecording();
    const pieces: CutPiece[] = [];
    for (let start = 0; start === 0 || start < tasks.length; start += PIECE_TASKS) {
      const part = tasks.slice(start, start + PIECE_TASKS);
      const last = start + PIECE_TASKS >= tasks.length;
      const piece = {
        type: 'piece',
        cut,
        tasks: part,
        mms: take(mms, part, 'mm'),
        tables: take(tables, part, 'files'),
        ...(start === 0 && scene !== undefined && { scene }),
        last,
      } as const;
      pieces.push(piece);
    }
    this.#untold.set(cut, pieces);
  }

  /** Whether there is something to tell now. */
  get hasNews(): boolean {
    for (const cut of this.#untold.keys()) if (!this.#isHeld(cut)) return true;
    return false;
  }

  /** Tells one piece. @returns whether there was one to tell */
  tellSome(): boolean {
    for (const [cut, pieces] of this.#untold) {
      if (this.#isHeld(cut)) continue;
      const piece = pieces.shift()!;
      if (piece.last) this.#untold.delete(cut);
      this.#tell(piece);
      return true;
    }
    return false;
  }
}

function emptyRecording(): Recording {
  return { tasks: [], mms: new Map(), tables: new Map() };
}

/** The objects that these tasks are the first to refer to. */
function take<Value>(
  objects: Map<number, Value>,
  tasks: readonly TaskPiece[],
  kind: 'mm' | 'files',
): Value[] {
  const taken: Value[] = [];
  for (const task of tasks) {
    const value = objects.get(task[kind]);
    if (value === undefined) continue;
    objects.delete(task[kind]);
    taken.push(value);
  }
  return taken;
}

function tablePiece({ id, key, users, list }: Descriptors): CutPiece['tables'][number] {
  return { id, users, list, ...(key !== undefined && { key }) };
}

function mmPiece(mm: AddressSpace): MmPiece {
  return {
    id: mm.id,
    users: mm.users,
    layout: mm.layout,
    flags: mm.flags,
    defFlags: mm.defFlags,
    auxv: mm.auxv,
    context: mm.context,
    exe: mm.exe,
    mapCount: mm.mapCount,
    vmas: mm.vmas,
    outstandingAio: mm.outstandingAio,
    ...mm.snapshot(),
  };
}
