/** A task that is to be placed. */
export interface PlacingTask {
  readonly pid: number;
  /** What it will add to its worker's load. */
  readonly load: number;
  /** Earlier tasks, by their index, that it cannot be apart from. */
  readonly bound?: readonly number[];
  /** Earlier tasks that it is to be with, unless somebody says explicitly where it goes. */
  readonly near?: readonly number[];
}
