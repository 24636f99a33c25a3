import { CkptError } from '@ckptree/errors';

/**
 * What was not measured but chosen: the size of the thing, the machines, how often what goes wrong. Each may be set by
 * `--assume NAME=VALUE`. Seconds, bytes, shares from 0 to 1.
 */
const ASSUMED = {
  workers: [10_000, 'of the cluster'],
  tasks: [10_000_000, 'of the cluster'],
  memoryPerTask: [8 * 2 ** 20, 'so a worker holds 8 GB, and the cluster 84 TB'],
  writtenShare: [0.01, 'of its memory that a task writes within an interval'],
  interval: [900, 'between checkpoints of the same tree'],
  dumpThreads: [2, 'of a worker, that hash, compress and write'],
  diskWriters: [4, 'writers that a storage service keeps busy: its disk takes as many times what one writes'],
  hop: [50e-6, 'between two hosts of one data centre, one way'],
  networkRate: [3.1e9, 'bytes a second that a host sends or receives: 25 Gbit/s'],
  natsCores: [8, 'of the host of a nats-server'],
  meanWait: [0.5e-3, 'exponential: a message waits for a busy worker to come round to it'],
  pauseShare: [0.01, 'of the time that a worker is in a pause: garbage collection, a burst of other work'],
  meanPause: [
    30e-3,
    'exponential: what is left of it; a full collection of a Node heap takes some 10 to 100 ms',
  ],
  stallShare: [1e-4, 'of the time that a worker is stalled: its virtual machine, its disk, its network'],
  leastStall: [0.1, 'Pareto: what is left of a stall is at least this'],
  stallAlpha: [1.3, 'Pareto: the exponent; below 2 a mean says little'],
  failuresPerYear: [0.56, 'of a host: 1,000 a year among 1,800 (J. Dean, Google I/O 2008)'],
  silentShare: [
    0.2,
    'of failures that leave the connection open: the host or its network is gone, nobody closes it',
  ],
  heartbeatTtl: [6, 'after which a worker that says nothing counts as lost'],
} as const satisfies Record<string, readonly [value: number, what: string]>;

export type AssumptionName = keyof typeof ASSUMED;
export type Assumptions = Readonly<Record<AssumptionName, number>>;

export const ASSUMPTIONS: Assumptions = Object.fromEntries(
  Object.entries(ASSUMED).map(([name, [value]]) => [name, value]),
) as Assumptions;

/** For people: each with what it means. */
export const ASSUMPTION_NOTES: readonly (readonly [name: AssumptionName, what: string])[] = Object.entries(
  ASSUMED,
).map(([name, [, what]]) => [name as AssumptionName, what] as const);

/** @param changes `NAME=VALUE` @throws EINVAL there is no such assumption, or the value is not above 0 */
export function assume(changes: readonly string[]): Assumptions {
  const changed = changes.map((change) => {
    const [name = '', text = ''] = change.split('=', 2);
    const value = Number(text);
    if (!Object.hasOwn(ASSUMED, name))
      throw new CkptError(
        'EINVAL',
        `nothing called "${name}" is assumed; \`npm run scale -- costs\` lists what is`,
        {
          field: 'assume',
        },
      );
    if (text === '' || !Number.isFinite(value) || value <= 0)
      throw new CkptError('EINVAL', `${name} cannot be "${text}": it is a number above 0`, {
        field: 'assume',
      });
    return [name, value] as const;
  });
  return { ...ASSUMPTIONS, ...Object.fromEntries(changed) };
}
