import { CkptError } from '@ckptree/errors';
import { REGISTERS_SIZE, type Task } from '@ckptree/model';
import { KERNEL_CONSTANTS, RESTART_BLOCK_NONE } from '../constants.js';
import { pids } from '../records/task.js';
import { encodePayload, encodeRecord } from '../records.js';
import { encodeText } from '../text.js';
import { join } from './join.js';

/** Bytes of struct robust_list_head on x86-64. */
const ROBUST_LIST_HEAD_SIZE = 24;

/** What the tree needs to know of each task. */
export type TaskPids = Pick<Task<unknown>, 'pid' | 'ppid' | 'tgid' | 'pgid' | 'sid'>;

/** TREE and the buffer of pids. @param tasks depth-first from the root */
export function encodeTree(tasks: readonly TaskPids[]): Uint8Array {
  const entries = new Uint8Array(tasks.length * pids.size);
  const view = new DataView(entries.buffer);
  for (const [index, { pid, ppid, tgid, pgid, sid }] of tasks.entries())
    pids.write(view, index * pids.size, { vpid: pid, vppid: ppid, vtgid: tgid, vpgid: pgid, vsid: sid });
  return join(encodeRecord('TREE', { nr_tasks: tasks.length }), encodePayload('BUFFER', entries));
}

/**
 * A task's records up to its shared objects: all of them for a zombie, and behind a live task's come its objects
 * and `encodeTaskObjs`.
 * @throws EINVAL a live task without registers, or with a wrong number of bytes; EOVERFLOW the name is too long
 */
export function encodeTask(task: Task<unknown>): Uint8Array {
  const description = encodeRecord('TASK', {
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
  const comm = encodePayload('STRING', encodeText(task.comm, KERNEL_CONSTANTS.task_comm_len));
  return task.exitState === 0 ? join(description, comm, encodeLive(task)) : join(description, comm);
}

function encodeLive({ pid, comm, registers }: Task<unknown>): Uint8Array {
  if (registers?.length !== REGISTERS_SIZE)
    throw new CkptError(
      'EINVAL',
      `task ${pid} (${comm}) is alive and has ${registers?.length ?? 0} bytes of registers instead of ${REGISTERS_SIZE}`,
      { pid, comm },
    );
  return join(
    encodeRecord('THREAD', { thread_info_flags: 0, gdt_entry_tls_entries: 0, sizeof_tls_array: 0 }),
    encodeRecord('RESTART_BLOCK', {
      function_type: RESTART_BLOCK_NONE,
      arg_0: 0n,
      arg_1: 0n,
      arg_2: 0n,
      arg_3: 0n,
      arg_4: 0n,
    }),
    encodePayload('CPU', registers),
  );
}

/** Ends a live task: the objrefs of its shared objects, 0 for none. */
export const encodeTaskObjs = (objrefs: { readonly files: number; readonly mm: number }): Uint8Array =>
  encodeRecord('TASK_OBJS', {
    files_objref: objrefs.files,
    mm_objref: objrefs.mm,
    fs_objref: 0,
    sighand_objref: 0,
    signal_objref: 0,
  });
