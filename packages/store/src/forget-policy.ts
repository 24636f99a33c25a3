import type { Manifest } from './image/manifest.js';

/** Which checkpoints to keep, of each name by itself. A checkpoint that any rule keeps is kept. */
export interface ForgetPolicy {
  /** The newest so many. */
  readonly keepLast?: number;
  /** The newest of each of the last so many hours, days, weeks (of UTC, from Monday) that have any. */
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  /** All that are younger. */
  readonly keepWithinMs?: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** 1 January 1970 was a Thursday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** The checkpoints that a policy gives up, oldest first. One that has no rule, or none that is known here, keeps all. */
export function forgottenBy(policy: ForgetPolicy, checkpoints: readonly Manifest[], now: Date): Manifest[] {
  const { keepLast = 0, keepHourly = 0, keepDaily = 0, keepWeekly = 0, keepWithinMs = 0 } = policy;
  if ([keepLast, keepHourly, keepDaily, keepWeekly, keepWithinMs].every((kept) => kept === 0)) return [];
  const kept = new Set<Manifest>();
  for (const group of byName(checkpoints))
    for (const manifest of keptOf(policy, group, now)) kept.add(manifest);
  return checkpoints.filter((manifest) => !kept.has(manifest));
}

/** Groups of one name each, newest first. */
function byName(checkpoints: readonly Manifest[]): Iterable<Manifest[]> {
  const groups = new Map<string, Manifest[]>();
  for (const manifest of [...checkpoints].sort((a, b) => (a.id < b.id ? 1 : -1))) {
    const name = manifest.name ?? '';
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [manifest]);
    else group.push(manifest);
  }
  return groups.values();
}

function keptOf(policy: ForgetPolicy, newestFirst: readonly Manifest[], now: Date): Manifest[] {
  const time = ({ created }: Manifest): number => Date.parse(created);
  const newestOfEach = (count: number | undefined, period: (ms: number) => number): Manifest[] => {
    const newest = new Map<number, Manifest>();
    for (const manifest of newestFirst) {
      const key = Math.floor(period(time(manifest)));
      if (!newest.has(key)) newest.set(key, manifest);
    }
    return [...newest.values()].slice(0, count ?? 0);
  };
  const { keepLast = 0, keepWithinMs = 0, keepHourly, keepDaily, keepWeekly } = policy;
  return [
    ...newestFirst.slice(0, keepLast),
    ...newestFirst.filter((manifest) => now.getTime() - time(manifest) < keepWithinMs),
    ...newestOfEach(keepHourly, (ms) => ms / HOUR_MS),
    ...newestOfEach(keepDaily, (ms) => ms / DAY_MS),
    ...newestOfEach(keepWeekly, (ms) => (ms - FIRST_MONDAY_MS) / WEEK_MS),
  ];
}
