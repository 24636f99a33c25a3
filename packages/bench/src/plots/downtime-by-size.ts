import type { Downtime } from '../downtime/cut-times.js';
import type { Curve } from '../scenario.js';
import { pointOf } from './points.js';

const MIB = 2 ** 20;
const US = 1e-6;

export function downtimeBySize(sizes: readonly Downtime[]): Curve {
  const forks = sizes.flatMap(({ memoryMiB, fork }) =>
    fork === undefined ? [] : [pointOf(memoryMiB * MIB, fork, US)],
  );
  const cuts = (kind: 'downtime' | 'beyond') =>
    sizes.map(({ memoryMiB, cut }) => pointOf(memoryMiB * MIB, cut[kind], US));
  return {
    name: 'downtime-by-size',
    plot: {
      title: 'How long a cut stops tasks does not follow their memory',
      subtitle: 'Median and range of 50 cuts of tasks that write all the while; of 50 calls of fork()',
      x: {
        ...{ label: 'memory of the tasks', scale: 'log', unit: 'bytes' },
        ticks: sizes.map(({ memoryMiB }) => memoryMiB * MIB),
      },
      y: { label: 'downtime', scale: 'log', unit: 'seconds' },
      series: [
        { label: 'ckptree', points: cuts('downtime') },
        { label: 'beyond safe points', points: cuts('beyond') },
        ...(forks.length === 0 ? [] : [{ label: 'fork()', points: forks }]),
      ],
    },
  };
}
