import { padding, s32, struct, u16, u32, u64 } from '../fields.js';
import { record } from './definition.js';

/**
 * The task tree and the records of each task.
 *
 *     tree  = TREE BUFFER(nr_tasks x pids)              depth-first from the root
 *     task  = TASK STRING(comm) [live]                  in the order of the tree
 *     live  = THREAD RESTART_BLOCK CPU [CPU_FPU] objects TASK_OBJS
 *
 * A task whose exit_state is not 0 is a zombie and ends behind its comm. `objects` are the shared objects that
 * this task is the first to reach: its file table, then its address space.
 */
export const TREE = record('TREE', { nr_tasks: s32, padding: padding(4) });

/** One entry of the buffer behind TREE; it has no record header of its own. */
export const pids = struct({
  vpid: s32,
  vppid: s32,
  vtgid: s32,
  vpgid: s32,
  vsid: s32,
  padding: padding(4),
});

export const TASK = record('TASK', {
  state: u32,
  exit_state: u32,
  exit_code: u32,
  exit_signal: u32,
  pdeath_signal: u32,
  padding: padding(4),
  set_child_tid: u64,
  clear_child_tid: u64,
  compat_robust_futex_head_len: u32,
  compat_robust_futex_list: u32,
  robust_futex_head_len: u32,
  padding2: padding(4),
  robust_futex_list: u64,
});

export const TASK_OBJS = record('TASK_OBJS', {
  files_objref: s32,
  mm_objref: s32,
  fs_objref: s32,
  sighand_objref: s32,
  signal_objref: s32,
  padding: padding(4),
});

export const RESTART_BLOCK = record('RESTART_BLOCK', {
  function_type: u64,
  arg_0: u64,
  arg_1: u64,
  arg_2: u64,
  arg_3: u64,
  arg_4: u64,
});

export const THREAD = record('THREAD', {
  thread_info_flags: u32,
  gdt_entry_tls_entries: u16,
  sizeof_tls_array: u16,
});
