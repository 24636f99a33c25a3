/**
 * What comes next, by name of the record or part that is expected. `objects`: the shared objects of a task or the
 * TASK_OBJS that ends it; `vmas`: the vmas of an address space or the MM_CONTEXT that ends them.
 */
export type State =
  | 'header'
  | 'release'
  | 'version'
  | 'machine'
  | 'header-arch'
  | 'container'
  | 'lsm-name'
  | 'tree'
  | 'pids'
  | 'task'
  | 'comm'
  | 'thread'
  | 'restart-block'
  | 'cpu'
  | 'objects'
  | 'file-table'
  | 'descriptors'
  | 'file'
  | 'file-name'
  | 'mm'
  | 'auxv'
  | 'vmas'
  | 'batch'
  | 'contents'
  | 'mm-context-ldt'
  | 'error-text'
  | 'end'
  | 'failed';
