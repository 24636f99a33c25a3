import type { Curve } from '../scenario.js';
import type { Figures } from '../statistics.js';
import { pointOf } from './points.js';

/** @param speeds in GB/s @param copy of `cp` and `sync` */
export function dumpByThreads(
  memoryMiB: number,
  speeds: readonly { readonly threads: number; readonly speed: Figures }[],
  copy: number,
): Curve {
  return {
    name: 'dump-by-threads',
    plot: {
      title: 'A durable checkpoint beside a copy of as many bytes',
      subtitle: `${memoryMiB} MiB of random bytes, from request to fsync; median and range`,
      x: { label: 'threads that dump', ticks: speeds.map(({ threads }) => threads) },
      y: { label: 'GB a second' },
      series: [
        {
          label: 'ckptree',
          points: speeds.map(({ threads, speed }) => pointOf(threads, speed)),
        },
      ],
      limits: [{ axis: 'y', at: copy, label: 'cp + sync' }],
    },
  };
}
