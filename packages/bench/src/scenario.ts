import type { Figures } from './statistics.js';

/** Something that is measured, in the order of the report. */
export interface Measurement {
  readonly what: string;
  readonly unit: 'GB/s' | 'ms' | 'us' | 's';
  readonly figures: Figures;
  /** This median over that of what it is held against, and what that is. */
  readonly ratio?: { readonly value: number; readonly to: string };
}

export interface ScenarioOptions {
  /** Where files go; removed afterwards. On the disk that is to be measured. */
  readonly folder: string;
  /** Counted runs of each thing, after one that warms up. */
  readonly runs: number;
  /** MiB of task memory. */
  readonly memoryMiB: number;
  readonly tell: (message: string) => void;
}

/** A scenario measures ckptree and what it is held against, in turn, in one process tree and on one disk. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  run(options: ScenarioOptions): Promise<readonly Measurement[]>;
}
