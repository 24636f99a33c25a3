import type { FileDescriptor, Mm, OpenFile, StoredPages, Task, Vma } from '@ckptree/model';
import { sharedObjects } from '../inspect/shared-objects.js';
import type { ImageContents, TaskRecords } from '../read/contents.js';
import { CPU } from '../records/cpu.js';

/**
 * Plain data to compare, of one image. A shared object is named by who is first to use it, not by its objref: then one
 * task more in one image does not make all that comes behind it different. Numbers of users are left out: each use is
 * compared where it is.
 */
export function describer({ tree }: ImageContents) {
  const { mms, fileTables, files } = sharedObjects(tree);

  const describeFile = (file: OpenFile | undefined) => {
    if (file === undefined) return undefined;
    const { id: _id, users: _users, ...values } = file;
    return { ...values, opened: files.get(file) };
  };

  return {
    /**
     * @param place in the order of the tree
     * @param whole false: of what only a living task has, just that it is there; the other image has a zombie
     */
    task(task: Task<StoredPages>, place: number, records: TaskRecords | undefined, whole: boolean) {
      const { mm, files, registers, ...values } = task;
      return {
        place,
        ...values,
        registers: registers && (whole ? describeRegisters(registers) : PRESENT),
        mm: mm && `of task ${mms.get(mm)?.[0]}`,
        files: files && `of task ${fileTables.get(files)?.[0]}`,
        records: records && describeRecords(records, whole),
      };
    },

    descriptor({ closeOnExec, file }: FileDescriptor) {
      return { closeOnExec, file: describeFile(file) };
    },

    /** Without its vmas and pages. */
    mm({ id: _id, users: _users, vmas: _vmas, memory: _memory, exe, auxv, ...values }: Mm<StoredPages>) {
      return { ...values, auxv: Array.from(auxv), exe: describeFile(exe) };
    },

    vma({ file, ...values }: Vma) {
      return { ...values, file: describeFile(file) };
    },
  };
}

const PRESENT = 'present';

/** What a `Task` has no place for. */
function describeRecords({ task, thread, restartBlock }: TaskRecords, whole: boolean) {
  const { state: _state, exit_state: _exitState, exit_code: _exitCode, ...unknown } = task;
  const { exit_signal: _exitSignal, pdeath_signal: _pdeathSignal, ...others } = unknown;
  const { set_child_tid: _set, clear_child_tid: _clear, robust_futex_list: _robust, ...rest } = others;
  return {
    task: rest,
    thread: thread && (whole ? thread : PRESENT),
    restartBlock: restartBlock && (whole ? restartBlock : PRESENT),
  };
}

export type Describer = ReturnType<typeof describer>;

function describeRegisters(registers: Uint8Array) {
  return CPU.body.read(new DataView(registers.buffer, registers.byteOffset, registers.byteLength), 0);
}

/** The head, with its time as people write numbers. */
export const describeHead = ({ head }: ImageContents) => ({
  ...head,
  header: { ...head.header, time: String(head.header.time) },
});
