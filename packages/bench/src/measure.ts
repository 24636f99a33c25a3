import { type Figures, figures } from './statistics.js';

/** How long something took, and what it cost all cores together. */
export interface Timing {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Timings of repeated runs. */
export interface Series {
  readonly seconds: Figures;
  /** Depends on the machine's other load far less. */
  readonly cpuSeconds: Figures;
}

/** Bytes a second in units of 10^9. */
export const gigabytesPerSecond = (bytes: number, seconds: number): number => bytes / seconds / 1e9;

/** What several things take: `warmUps` times that do not count, then `runs` times in turn, so that drift hits all alike. */
export async function inTurn<Name extends string>(
  runs: number,
  things: Readonly<Record<Name, () => Promise<Timing>>>,
  warmUps = 1,
): Promise<Readonly<Record<Name, Series>>> {
  const entries = Object.entries(things) as [Name, () => Promise<Timing>][];
  const timings = new Map<Name, Timing[]>(entries.map(([name]) => [name, []]));
  for (let run = -warmUps; run < runs; run++)
    for (const [name, thing] of entries) {
      const timing = await thing();
      if (run >= 0) timings.get(name)!.push(timing);
    }
  const series = [...timings].map(([name, values]) => [name, seriesOf(values)] as const);
  return Object.fromEntries(series) as Record<Name, Series>;
}

export const seriesOf = (timings: readonly Timing[]): Series => ({
  seconds: figures(timings.map(({ seconds }) => seconds)),
  cpuSeconds: figures(timings.map(({ cpuSeconds }) => cpuSeconds)),
});

/** Of this process, all threads. */
export async function timed(action: () => Promise<unknown>): Promise<Timing> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await action();
  const seconds = (performance.now() - start) / 1e3;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** One after the other, as one thing. */
export const sum = (...timings: readonly Timing[]): Timing => ({
  seconds: timings.reduce((total, { seconds }) => total + seconds, 0),
  cpuSeconds: timings.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0),
});
