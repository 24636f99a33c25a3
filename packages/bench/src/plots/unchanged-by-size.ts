import type { BySize } from '../incremental/by-size.js';
import type { Series } from '../measure.js';
import type { Curve } from '../scenario.js';
import { pointOf } from './points.js';

const MIB = 2 ** 20;

export function unchangedBySize(sizes: readonly BySize[]): Curve {
  const line = (label: string, of: (one: BySize) => Series | undefined) => {
    const points = sizes.flatMap((one) => {
      const series = of(one);
      return series === undefined ? [] : [pointOf(one.memoryMiB * MIB, series.seconds)];
    });
    return points.length === 0 ? [] : [{ label, points }];
  };
  return {
    name: 'unchanged-by-size',
    plot: {
      title: 'What has not changed is not read again',
      subtitle:
        'Checkpoints of random bytes into a store; restic: of a file with the same image; median and range',
      x: {
        ...{ label: 'memory of the task', scale: 'log', unit: 'bytes' },
        ticks: sizes.map(({ memoryMiB }) => memoryMiB * MIB),
      },
      y: { label: 'time to durable', scale: 'log', unit: 'seconds' },
      series: [
        ...line('full', ({ full }) => full),
        ...line('1 % written', ({ some }) => some),
        ...line('unchanged', ({ none }) => none),
        ...line('restic, unchanged', ({ peer }) => peer?.none),
      ],
    },
  };
}
