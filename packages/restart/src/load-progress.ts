import { sharedWords } from './shared-words.js';

/** What became of a unit. */
const UNIT = { WAITING: 0, LOADING: 1, LOADED: 2, FAILED: 3 } as const;

const CONTROL = { NEXT: 0, STOP: 1, ENDED: 2, PAGES: 3, SERVED: 4 } as const;
/** A cache line. */
const CONTROL_WORDS = 16;

/** How far a load is, in words that its threads share. */
export interface LoadProgress {
  /** One for each unit. */
  readonly states: Int32Array;
  readonly control: Int32Array;
}

export const newProgress = (units: number): LoadProgress => ({
  states: sharedWords(units),
  control: sharedWords(CONTROL_WORDS),
});

/**
 * The next unit that nobody has begun; it is the caller's to load.
 * @returns undefined when there is none, or the load was stopped
 */
export function takeUnit(progress: LoadProgress): number | undefined {
  const { states, control } = progress;
  while (!isStopped(progress)) {
    const unit = Atomics.add(control, CONTROL.NEXT, 1);
    if (unit >= states.length) return undefined;
    // It may have been taken out of its turn, because a task waits for it.
    if (claimUnit(progress, unit)) return unit;
  }
  return undefined;
}

/**
 * Makes the caller the one who loads this unit, unless somebody is or has: compare-and-exchange lets one thread through.
 * It owns the unit's frames and state until it ends it.
 */
export const claimUnit = ({ states }: LoadProgress, unit: number): boolean =>
  Atomics.compareExchange(states, unit, UNIT.WAITING, UNIT.LOADING) === UNIT.WAITING;

/**
 * The caller is done with a unit. What it did before is seen by whoever sees the state.
 * @param pages that are in their frames
 * @returns whether it was the last unit of all
 */
export function endUnit(
  { states, control }: LoadProgress,
  unit: number,
  pages: number,
  failed = false,
): boolean {
  Atomics.store(states, unit, failed ? UNIT.FAILED : UNIT.LOADED);
  Atomics.add(control, CONTROL.PAGES, pages);
  return Atomics.add(control, CONTROL.ENDED, 1) + 1 === states.length;
}

export const isLoaded = ({ states }: LoadProgress, unit: number): boolean =>
  Atomics.load(states, unit) === UNIT.LOADED;

export const hasFailed = ({ states }: LoadProgress, unit: number): boolean =>
  Atomics.load(states, unit) === UNIT.FAILED;

/** Threads begin no further unit. */
export const stopLoad = ({ control }: LoadProgress): void => {
  Atomics.store(control, CONTROL.STOP, 1);
};

export const isStopped = ({ control }: LoadProgress): boolean => Atomics.load(control, CONTROL.STOP) !== 0;

/** A thread serves faults from now on. */
export const setServed = ({ control }: LoadProgress): void => {
  Atomics.store(control, CONTROL.SERVED, 1);
};

export const isServed = ({ control }: LoadProgress): boolean => Atomics.load(control, CONTROL.SERVED) !== 0;

/** All units were loaded, or have failed. */
export const isOver = ({ states, control }: LoadProgress): boolean =>
  Atomics.load(control, CONTROL.ENDED) === states.length;

/** Pages that are in their frames; to be shown to people, so a little late does no harm. */
export const loadedPages = ({ control }: LoadProgress): number => Atomics.load(control, CONTROL.PAGES);
