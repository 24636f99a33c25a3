/** Where the image of a tree is. */
export type ImagePlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'store'; readonly path: string; readonly id: string };

/** What a process that restarts a tree once is told. */
export interface RestartOrder {
  readonly place: ImagePlace;
  readonly lazy: boolean;
  /** Image of a small tree, restarted first, a few times. */
  readonly warmUp: string;
  /** Of the kernel. */
  readonly memoryBytes: number;
  /** Whether the host has given that memory before, as to a worker that is up already. */
  readonly populated: boolean;
}

/** What it measured. */
export interface RestartTimes {
  /** From the call until the tree's root has executed an instruction (a tick). */
  readonly firstSeconds: number;
  /** From the call until all memory was there. */
  readonly filledSeconds: number;
  /** Of all threads until then. */
  readonly cpuSeconds: number;
  /** What populating took, if that was asked for: the first touch of all of the memory by as many threads as there are cores. */
  readonly populating?: { readonly seconds: number; readonly bytes: number };
}
