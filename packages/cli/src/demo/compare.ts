/** How a task ended. */
export interface End {
  readonly pid: number;
  readonly exitCode: number;
  readonly digest: string;
}

/** How the tasks of a restarted tree ended, beside those of the undisturbed one. By pid, which each has its own. */
export interface Comparison {
  /** The same exit code and the same digest. */
  readonly equal: number[];
  /** Another exit code or digest, or a task that the undisturbed tree does not know. */
  readonly different: number[];
  /** Not in the restarted tree: they had ended, and were forgotten, before the checkpoint. */
  readonly earlier: number[];
}

export function compareTasks(undisturbed: readonly End[], restarted: readonly End[]): Comparison {
  const expected = new Map(undisturbed.map((task) => [task.pid, task]));
  const found = new Set(restarted.map(({ pid }) => pid));
  const isEqual = ({ pid, exitCode, digest }: End): boolean =>
    expected.get(pid)?.exitCode === exitCode && expected.get(pid)?.digest === digest;
  return {
    equal: pidsOf(restarted.filter(isEqual)),
    different: pidsOf(restarted.filter((task) => !isEqual(task))),
    earlier: pidsOf(undisturbed.filter(({ pid }) => !found.has(pid))),
  };
}

const pidsOf = (tasks: readonly End[]): number[] => tasks.map(({ pid }) => pid);
