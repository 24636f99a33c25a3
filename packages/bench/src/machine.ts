import { cpus, loadavg, totalmem } from 'node:os';

/** What the figures were measured on. */
export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly memoryGiB: number;
  readonly node: string;
  /** Of the last minute, when it began: work of others makes times longer. */
  readonly load: number;
}

export const thisMachine = (): Machine => ({
  cores: cpus().length,
  model: cpus()[0]?.model ?? '',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  load: Math.round(loadavg()[0]! * 10) / 10,
});

export const formatMachine = ({ cores, model, memoryGiB, node, load }: Machine): string =>
  `${cores} x ${model}, ${memoryGiB} GiB, Node ${node}, load ${load}`;
