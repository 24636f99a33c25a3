import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { CutScene } from '../cpu/messages.js';
import type { Task } from '../cpu/task.js';
import type { OpenFiles } from '../files/open-files.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, SLOT, STATE } from '../process/slot.js';
import type { CutControl, CutPart } from './cut-control.js';
import type { CutRecorder } from './cut-recorder.js';

/** How long a task that is on its way from another cpu is waited for; to send it takes as long as to copy its list of vmas. */
const ARRIVAL_MS = 1_000;

export interface ParticipantParts {
  /** Of the cpu. */
  readonly index: number;
  readonly table: ProcessTable;
  readonly files: OpenFiles;
  readonly control: CpuControl;
  readonly cuts: CutControl;
  readonly recorder: CutRecorder;
  /** The tasks of this cpu, by slot. */
  readonly tasks: ReadonlyMap<number, Task>;
  /** Takes in what others have sent. */
  readonly readMessages: () => void;
  /** Lets the tasks of this cpu run on whose flags allow it. */
  readonly thaw: () => void;
}

/** A cpu's part in cuts: it comes to a stand with all others, and then records its own tasks. */
export class CutParticipant {
  readonly #parts: ParticipantParts;

  constructor(parts: ParticipantParts) {
    this.#parts = parts;
  }

  /** No task runs here just now, and flags keep those of the cut from running: the last cpu to come here has all go on. */
  standStill(): void {
    const { index, table, cuts, control } = this.#parts;
    if (!table.locked(() => cuts.standLocked(index, table.versionLocked))) return;
    for (const cpu of cuts.others(index)) control.ring(cpu, IRQ.SNAPSHOT);
    this.snapshot();
  }

  /** The tasks of the cut that live here stand still: keeps what a checkpoint needs of them, and copies no page. */
  snapshot(): void {
    const { index, table, cuts, control, recorder, tasks, readMessages } = this.#parts;
    const part = table.locked(() => cuts.partLocked(index));
    if (part === undefined) return;
    // Some of them may still be on their way here: whoever sent them rang before it stood still.
    if (control.isAskedFor(index, IRQ.MESSAGE)) readMessages();
    const { id, members } = part;
    for (const slot of members) {
      if (table.get(slot, SLOT.CPU) !== index || !this.#isOfCut(slot)) continue;
      const task = tasks.get(slot) ?? this.#arrived(slot);
      if (task !== undefined) recorder.record(task);
    }
    const concludes = table.locked(() => cuts.snapshotTakenLocked(index, id, recorder.mms));
    recorder.seal(id, concludes ? this.#conclude(part) : undefined);
  }

  /** Whether a member of a cut is alive. The slot of a zombie may be another task's by now, which has no such flag. */
  #isOfCut(slot: number): boolean {
    const { table } = this.#parts;
    return (table.flags(slot) & FLAG.FREEZE_CUT) !== 0 && table.get(slot, SLOT.STATE) !== STATE.ZOMBIE;
  }

  /** A member that was just born, to a parent that the cut is not of: its cpu may be about to send it here. */
  #arrived(slot: number): Task | undefined {
    const { index, control, tasks, readMessages } = this.#parts;
    const deadline = performance.now() + ARRIVAL_MS;
    while (this.#isOfCut(slot) && performance.now() < deadline) {
      readMessages();
      const task = tasks.get(slot);
      if (task !== undefined) return task;
      control.waitIrq(index, 1);
    }
    return undefined;
  }

  /** All of the cut is taken but what the tasks share. */
  #conclude({ members, thaws }: CutPart): CutScene {
    const { index, table, files, cuts, control, thaw } = this.#parts;
    const scene = { table: table.copy(), files: files.copy() };
    cuts.kept();
    if (thaws) {
      for (const slot of members) table.clear(slot, FLAG.FREEZE_CUT);
      for (const cpu of cuts.others(index)) control.ring(cpu, IRQ.THAW);
      thaw();
    }
    cuts.concluded();
    return scene;
  }
}
