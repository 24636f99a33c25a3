/** Who takes over a task whose parent has ended. */
export interface Reaper {
  /** `KERNEL_SLOT`: nobody here. */
  readonly slot: number;
  /** What the task sees as its parent from then on. */
  readonly ppid: number;
  /** That parent is in another kernel. */
  readonly remote: boolean;
}
