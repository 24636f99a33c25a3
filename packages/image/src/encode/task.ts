import { CkptError } from '@ckptree/errors';
import { REGISTERS_SIZE, type Task } from '@ckptree/model';
import { KERNEL_CONSTANTS, RECORD_HEADER_SIZE, RESTART_BLOCK_NONE } from '../constants.js';
import { pids } from '../records/task.js';
import { putHeader, putPayload, putRecord, putText } from '../records.js';
import type { RecordTarget } from './target.js';

/** Bytes of struct robust_list_head on x86-64. */
const ROBUST_LIST_HEAD_SIZE = 24;

/** What the tree needs to know of each task. */
export type TaskPids = Pick<Task<unknown>, 'pid' | 'ppid' | 'tgid' | 'pgid' | 'sid'>;

/** TREE and the buffer of pids. @param tasks depth-first from the root */
export function putTree(target: RecordTarget, tasks: readonly TaskPids[]): void {
  putRecord(target, 'TREE', { nr_tasks: tasks.length });
  const size = RECORD_HEADER_SIZE + tasks.length * pids.size;
  let at = target.room(size);
  putHeader(target.view, at, 'BUFFER', size);
  at += RECORD_HEADER_SIZE;
  for (const { pid, ppid, tgid, pgid, sid } of tasks) {
    pids.write(target.view, at, { vpid: pid, vppid: ppid, vtgid: tgid, vpgid: pgid, vsid: sid });
    at += pids.size;
  }
}

/**
 * A task's records up to its shared objects: all of them for a zombie, and behind a live task's come its objects
 * and `putTaskObjs`.
 * @throws EINVAL a live task without registers, or with a wrong number of bytes; EOVERFLOW the name is too long
 */
export function putTask(target: RecordTarget, task: Task<unknown>): void {
  putRecord(target, 'TASK', {
    state: task.state,
    exit_state: task.exitState,
    exit_code: task.exitCode,
    // -1 for a thread: the field is unsigned.
    exit_signal: task.exitSignal >>> 0,
    pdeath_signal: task.pdeathSignal,
    set_child_tid: task.setChildTid,
    clear_child_tid: task.clearChildTid,
    compat_robust_futex_head_len: 0,
    compat_robust_futex_list: 0,
    robust_futex_head_len: ROBUST_LIST_HEAD_SIZE,
    robust_futex_list: task.robustList,
  });
  putText(target, 'STRING', task.comm, KERNEL_CONSTANTS.task_comm_len);
  if (task.exitState === 0) putLive(target, task);
}

function putLive(target: RecordTarget, { pid, comm, registers }: Task<unknown>): void {
  if (registers?.length !== REGISTERS_SIZE)
    throw new CkptError(
      'EINVAL',
      `task ${pid} (${comm}) is alive and has ${registers?.length ?? 0} bytes of registers instead of ${REGISTERS_SIZE}`,
      { pid, comm },
    );
  putRecord(target, 'THREAD', { thread_info_flags: 0, gdt_entry_tls_entries: 0, sizeof_tls_array: 0 });
  putRecord(target, 'RESTART_BLOCK', NO_RESTART);
  putPayload(target, 'CPU', registers);
}

/** No system call was interrupted. */
const NO_RESTART = {
  function_type: RESTART_BLOCK_NONE,
  arg_0: 0n,
  arg_1: 0n,
  arg_2: 0n,
  arg_3: 0n,
  arg_4: 0n,
};

/** Ends a live task: the objrefs of its shared objects, 0 for none. */
export const putTaskObjs = (
  target: RecordTarget,
  objrefs: { readonly files: number; readonly mm: number },
): void =>
  putRecord(target, 'TASK_OBJS', {
    files_objref: objrefs.files,
    mm_objref: objrefs.mm,
    fs_objref: 0,
    sighand_objref: 0,
    signal_objref: 0,
  });
