import { cpus } from 'node:os';
import { isCkptError } from '@ckptree/errors';
import { COSTS, type CostName, type CostsDocument } from '../costs/costs.js';
import { measureBytes } from './measure-bytes.js';
import { measureKernel } from './measure-kernel.js';
import { measureNats } from './measure-nats.js';
import type { Measured } from './measured.js';

export interface MeasureOptions {
  /** On the disk that is to be measured. */
  readonly folder: string;
  /** What cannot be measured here is taken from. */
  readonly known: CostsDocument;
  /** Keep what is better in `known`: on a machine that is busy with other things, the best of several runs is nearest. */
  readonly best?: boolean;
  readonly tell: (message: string) => void;
}

/** Measures every cost that can be measured here: half a minute. */
export async function measure({ folder, known, best = false, tell }: MeasureOptions): Promise<CostsDocument> {
  tell('cuts and plans');
  const kernel = await measureKernel();
  tell('hash, compression, disk');
  const bytes = await measureBytes(folder);
  tell('nats-server');
  const nats = await measureNats(folder).catch((error: unknown): Measured => {
    if (!isCkptError(error) || error.code !== 'ENOENT') throw error;
    tell(`${error.message}; its costs stay those of the file`);
    return {};
  });
  const measured = { ...kernel, ...bytes, ...nats };
  const costs = Object.fromEntries(
    (Object.keys(COSTS) as CostName[]).map((name) => {
      const value = measured[name];
      const keep = value === undefined || (best && isBetter(name, known.costs[name].value, value));
      const entry = keep
        ? known.costs[name]
        : { value: Number(value.toPrecision(3)), source: 'npm run scale -- measure' };
      return [name, entry];
    }),
  ) as CostsDocument['costs'];
  const [cpu] = cpus();
  return {
    machine: `${cpus().length} x ${cpu?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`,
    date: new Date().toISOString().slice(0, 10),
    costs,
  };
}

/** Less time, or more bytes in it. What is neither is as it is. */
function isBetter(name: CostName, known: number, measured: number): boolean {
  const [unit] = COSTS[name];
  if (unit === 'B/s') return known > measured;
  return (unit === 's' || unit === 'cpu-s') && known < measured;
}
