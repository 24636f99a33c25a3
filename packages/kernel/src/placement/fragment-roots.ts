/** The top of what one worker hosts of a tree. */
export interface FragmentRoot {
  readonly pid: number;
  /** Its parent, on another worker; of the tree's root whatever it had. */
  readonly ppid: number;
}

/** Those of a worker's tasks whose parents are not among them. */
export function fragmentRoots(
  tasks: readonly { readonly pid: number; readonly ppid: number; readonly tgid?: number }[],
): FragmentRoot[] {
  const pids = new Set(tasks.map(({ pid }) => pid));
  return tasks
    .filter(({ pid, ppid, tgid = pid }) => !pids.has(ppid) && (tgid === pid || !pids.has(tgid)))
    .map(({ pid, ppid }) => ({ pid, ppid }));
}
