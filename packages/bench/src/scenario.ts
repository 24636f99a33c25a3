import type { Plot } from '@ckptree/plot';
import type { Figures } from './statistics.js';

/** Something that is measured, in the order of the report. */
export interface Measurement {
  readonly what: string;
  readonly unit: 'GB/s' | 'ms' | 'us' | 's' | 'MB' | 'MiB' | 'bytes' | 'pages' | 'pages/s';
  readonly figures: Figures;
  /** Of many runs of something short, where the slowest matter: the 99th percentile is told as well. */
  readonly tail?: boolean;
  /** What it cost all cores together. */
  readonly cpuSeconds?: Figures;
  /** How many times as good as what it is held against, and what that is. */
  readonly ratio?: Ratio;
}

export interface Ratio {
  readonly value: number;
  readonly to: string;
  /** The same by what it cost all cores together. */
  readonly cpu?: number;
  /** What was hoped for. */
  readonly goal?: number;
}

/** Measurements that belong together, under a heading. */
export interface Section {
  readonly heading: string;
  readonly measurements: readonly Measurement[];
}

/** Sections as a curve. Where it comes from is said by whoever knows how the run was asked for. */
export interface Curve {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly plot: Omit<Plot, 'source'>;
}

export interface ScenarioOptions {
  /** Where files go; removed afterwards. On the disk that is to be measured. */
  readonly folder: string;
  /** Counted runs of each thing, after one that warms up. */
  readonly runs: number;
  /** MiB of task memory. */
  readonly memoryMiB: number;
  /** Chunks of the store whose index is measured. */
  readonly chunks: number;
  /** An ELF core whose memory is to be used in place of one that is made for the purpose. */
  readonly core?: string;
  readonly tell: (message: string) => void;
}

/** A scenario measures ckptree and what it is held against, in turn, in one process tree and on one disk. */
export interface Scenario {
  readonly name: string;
  readonly summary: string;
  /** Yields each section as soon as it is measured: a run that is cut short has shown what it had. */
  measure(options: ScenarioOptions): AsyncIterable<Section | Curve>;
}
