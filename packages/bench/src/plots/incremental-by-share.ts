import type { Axis } from '@ckptree/plot';
import type { ByShare } from '../incremental/by-share.js';
import type { Curve } from '../scenario.js';
import type { Figures } from '../statistics.js';
import { pointOf } from './points.js';

const SHARE_AXIS: Axis = {
  ...{ label: 'pages written since the checkpoint before', scale: 'log', unit: 'share' },
  ...{ domain: [0.001, 1], ticks: [0.001, 0.01, 0.1, 0.5, 1] },
};

export function timeByShare(memoryMiB: number, shares: readonly ByShare[]): Curve {
  return byShare(shares, ({ seconds }) => seconds, {
    ...{ name: 'incremental-time', title: 'A checkpoint takes the time of what was written' },
    ...{ memoryMiB, y: { label: 'time to durable', scale: 'log', unit: 'seconds' } },
  });
}

export function bytesByShare(memoryMiB: number, shares: readonly ByShare[]): Curve {
  return byShare(shares, ({ bytes }) => bytes, {
    ...{ name: 'incremental-bytes', title: 'A checkpoint adds the bytes that were written' },
    ...{ memoryMiB, y: { label: 'bytes added to the store', scale: 'log', unit: 'bytes' } },
  });
}

interface Look {
  readonly name: string;
  readonly title: string;
  readonly memoryMiB: number;
  readonly y: Axis;
}

/** An unchanged memory has no place on a logarithmic axis: it is a line across. */
function byShare(
  shares: readonly ByShare[],
  of: (one: ByShare) => Figures,
  { name, title, memoryMiB, y }: Look,
): Curve {
  const written = shares.filter(({ share }) => share > 0);
  const unchanged = shares.filter(({ share }) => share === 0);
  const most = of(written.at(-1)!).median;
  return {
    name,
    plot: {
      title,
      subtitle: `${memoryMiB} MiB of random bytes, written to at places far apart; median and range`,
      ...{ x: SHARE_AXIS, y },
      series: [
        { label: 'ckptree', points: written.map((one) => pointOf(one.share, of(one))) },
        {
          ...{ label: 'linear', role: 'reference' },
          points: written.map(({ share }) => ({ x: share, y: most * share })),
        },
      ],
      limits: unchanged.map((one) => ({ axis: 'y', at: of(one).median, label: 'unchanged' })),
    },
  };
}
