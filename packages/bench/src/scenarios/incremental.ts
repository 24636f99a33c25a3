import { type ByShare, measureShares } from '../incremental/by-share.js';
import { type BySize, measureSize } from '../incremental/by-size.js';
import type { Series } from '../measure.js';
import { bytesByShare, timeByShare } from '../plots/incremental-by-share.js';
import { unchangedBySize } from '../plots/unchanged-by-size.js';
import type { Measurement, Scenario } from '../scenario.js';
import { figures, scaled } from '../statistics.js';
import { steps } from '../steps.js';

const SMALLEST_MIB = 64;
const STEP = 4;

/** A checkpoint of 1 % of the pages is to take at most 3 % of the time of a full one, and 1.5 % of its bytes. */
const GOAL_TIMES = 100 / 3;
const GOAL_BYTES_SHARE = 0.015;
/** An unchanged one is to be so many times as fast as restic. */
const GOAL_UNCHANGED = 50;

/** What checkpoints of the same memory cost by how much of it was written in between, and by its size. */
export const incremental: Scenario = {
  name: 'incremental',
  summary: 'checkpoints of 1 % written pages, and of none, beside full ones; by size and by share written',
  async *measure(options) {
    const { memoryMiB } = options;
    const sizes: BySize[] = [];
    for (const size of steps(Math.min(SMALLEST_MIB, memoryMiB), STEP, memoryMiB)) {
      const measured = await measureSize(size, options);
      yield {
        heading: `${size} MiB of random bytes, 1 % of the pages written, far apart`,
        measurements: sizeRows(measured, sizes[0]),
      };
      sizes.push(measured);
    }
    yield unchangedBySize(sizes);
    const shares = await measureShares(memoryMiB, options);
    yield {
      heading: `${memoryMiB} MiB of random bytes, by the share of pages written, far apart`,
      measurements: shares.flatMap(shareRows),
    };
    yield timeByShare(memoryMiB, shares);
    yield bytesByShare(memoryMiB, shares);
  },
};

function shareRows({ share, seconds, cpuSeconds, bytes }: ByShare): Measurement[] {
  const what = `${Number((share * 100).toPrecision(2))} % written`;
  return [
    { what, unit: 's', figures: seconds, cpuSeconds },
    { what: `stored for ${what}`, unit: 'MB', figures: scaled(bytes, 1e-6) },
  ];
}

function sizeRows(measured: BySize, smallest: BySize | undefined): Measurement[] {
  const { full, some, none, peer, fullBytes, someBytes } = measured;
  const rows: Measurement[] = [
    { what: 'full', unit: 's', figures: full.seconds, cpuSeconds: full.cpuSeconds },
    timesAsFast('1 % written', some, full, { to: 'a full one', goal: GOAL_TIMES }),
    {
      what: `stored for it (goal: ${((fullBytes * GOAL_BYTES_SHARE) / 1e6).toPrecision(3)} MB at most)`,
      unit: 'MB',
      figures: figures(someBytes.map((bytes) => bytes / 1e6)),
    },
    timesAsFast('unchanged', none, full, { to: 'a full one' }),
  ];
  if (peer !== undefined)
    rows.push(
      timesAsFast('1 % written', some, peer.some, { to: 'restic' }),
      timesAsFast('unchanged', none, peer.none, { to: 'restic', goal: GOAL_UNCHANGED }),
    );
  if (smallest !== undefined)
    rows.push(timesAsFast('unchanged', none, smallest.none, { to: `one of ${smallest.memoryMiB} MiB` }));
  return rows;
}

function timesAsFast(
  what: string,
  own: Series,
  other: Series,
  { to, goal }: { readonly to: string; readonly goal?: number },
): Measurement {
  const value = other.seconds.median / own.seconds.median;
  const cpu = other.cpuSeconds.median / own.cpuSeconds.median;
  const { seconds, cpuSeconds } = own;
  return {
    what,
    unit: 's',
    figures: seconds,
    cpuSeconds,
    ratio: { value, to, cpu, ...(goal !== undefined && { goal: Math.round(goal) }) },
  };
}
