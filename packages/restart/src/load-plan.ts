import type { PhysicalMemory } from '@ckptree/kernel/memory';
import { ARENA_FRAMES, PAGE_SIZE } from '@ckptree/model';
import type { ChunkSettings } from '@ckptree/store/chunk';

/** Where the contents of units are; plain data, which any thread can be handed. */
export type Origin = FileOrigin | ChunkOrigin;

/** Unit `u` stands in a file from `positions[u]` on. */
export interface FileOrigin {
  readonly kind: 'file';
  /** Host descriptor; any thread of the process may read from it. */
  readonly fd: number;
  readonly path: string;
  readonly positions: Float64Array;
}

/** Unit `u` is a chunk of a store. */
export interface ChunkOrigin {
  readonly kind: 'chunks';
  readonly settings: ChunkSettings;
  readonly packs: readonly { readonly fd: number; readonly name: string }[];
  /** Triples (index into `packs`, offset, length): the record of each unit's chunk. */
  readonly records: Float64Array;
  readonly ids: readonly string[];
}

/**
 * What is to be loaded, and into which frames, in shared memory: a load is handed to threads once and not unit by unit.
 * Each takes the next unit when it is done with its last.
 */
export interface LoadPlan {
  /** The first page number of each unit, and behind them how many numbers there are. */
  readonly firstPage: Int32Array;
  /** Index of the first run of each unit, and behind them how many there are. */
  readonly firstRun: Int32Array;
  /** Triples (byte offset in the unit's contents, first frame, frames); no run crosses arenas. */
  readonly runs: Int32Array;
  /**
   * By page number: 1 when the page turned out to be all zeros, and its frame was not written. Absent when every page is
   * to be written.
   */
  readonly zeros?: Uint8Array;
  /** Words by UNIT state. */
  readonly states: Int32Array;
  /** Words by CONTROL. */
  readonly control: Int32Array;
}

/** Stands for the frame of a page that is not needed. */
export const NO_FRAME = -1;

/** @param frameOf by page number; NO_FRAME for a page that is not needed */
export function planLoad(firstPage: Int32Array, frameOf: Int32Array, findZeros: boolean): LoadPlan {
  const units = firstPage.length - 1;
  const firstRun = sharedWords(units + 1);
  const runs = new RunList();
  for (let unit = 0; unit < units; unit++) {
    firstRun[unit] = runs.count;
    addRuns(runs, frameOf, firstPage[unit]!, firstPage[unit + 1]!);
  }
  firstRun[units] = runs.count;
  return {
    firstPage: shared(firstPage),
    firstRun,
    runs: shared(runs.triples),
    ...(findZeros && { zeros: new Uint8Array(new SharedArrayBuffer(frameOf.length)) }),
    states: sharedWords(units),
    control: sharedWords(CONTROL_WORDS),
  };
}

/** The runs of one unit. */
function addRuns(runs: RunList, frameOf: Int32Array, first: number, end: number): void {
  for (let page = first; page < end; ) {
    const frame = frameOf[page]!;
    let count = 1;
    while (
      page + count < end &&
      frameOf[page + count] === frame + count &&
      (frame + count) % ARENA_FRAMES !== 0
    )
      count++;
    // Behind NO_FRAME no frame follows: 0 is the zero frame, which nobody is given.
    if (frame !== NO_FRAME) runs.push((page - first) * PAGE_SIZE, frame, count);
    page += count;
  }
}

export const unitsOf = ({ firstPage }: LoadPlan): number => firstPage.length - 1;

/** Pages of all units that are needed. */
export function neededPages({ runs }: LoadPlan): number {
  let pages = 0;
  for (let run = 2; run < runs.length; run += 3) pages += runs[run]!;
  return pages;
}

/** Bytes of the unit's contents that are needed at most. */
export const unitSize = ({ firstPage }: LoadPlan, unit: number): number =>
  (firstPage[unit + 1]! - firstPage[unit]!) * PAGE_SIZE;

/** Triples of numbers that grow in number. */
class RunList {
  #numbers = new Int32Array(3 * 1024);
  count = 0;

  get triples(): Int32Array {
    return this.#numbers.subarray(0, this.count * 3);
  }

  push(offset: number, frame: number, frames: number): void {
    if (this.count * 3 === this.#numbers.length) {
      const larger = new Int32Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.count * 3] = offset;
    this.#numbers[this.count * 3 + 1] = frame;
    this.#numbers[this.count * 3 + 2] = frames;
    this.count++;
  }
}

function shared(words: Int32Array): Int32Array {
  const copy = sharedWords(words.length);
  copy.set(words);
  return copy;
}

function sharedWords(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

/** What became of a unit. */
export const UNIT = { WAITING: 0, LOADING: 1, LOADED: 2, FAILED: 3 } as const;

const CONTROL = { NEXT: 0, STOP: 1, LOADED_PAGES: 2 } as const;
const CONTROL_WORDS = 16;

/**
 * The next unit that nobody has begun; it is the caller's to load. Threads share the counter, and a unit may have been
 * taken out of its turn: whoever moves its state on by compare-and-exchange, alone loads it.
 * @returns undefined when there is none, or the load was stopped
 */
export function takeUnit(plan: LoadPlan): number | undefined {
  while (Atomics.load(plan.control, CONTROL.STOP) === 0) {
    const unit = Atomics.add(plan.control, CONTROL.NEXT, 1);
    if (unit >= unitsOf(plan)) return undefined;
    if (claimUnit(plan, unit)) return unit;
  }
  return undefined;
}

/** Makes the caller the one who loads this unit, unless somebody else is. */
export const claimUnit = ({ states }: LoadPlan, unit: number): boolean =>
  Atomics.compareExchange(states, unit, UNIT.WAITING, UNIT.LOADING) === UNIT.WAITING;

/** The contents of a unit are in their frames: drops the plan's references, so that the frames are their holders' alone. */
export function finishUnit(memory: PhysicalMemory, plan: LoadPlan, unit: number): void {
  Atomics.store(plan.states, unit, UNIT.LOADED);
  Atomics.add(plan.control, CONTROL.LOADED_PAGES, dropReferences(memory, plan, unit));
}

/** Gives back what the plan still holds. No thread is at work any more. */
export function abandonLoad(memory: PhysicalMemory, plan: LoadPlan): void {
  plan.states.forEach((state, unit) => {
    if (state !== UNIT.LOADED) dropReferences(memory, plan, unit);
  });
}

/** @returns how many frames there were */
function dropReferences(memory: PhysicalMemory, { firstRun, runs }: LoadPlan, unit: number): number {
  let pages = 0;
  for (let run = firstRun[unit]!; run < firstRun[unit + 1]!; run++) {
    const frame = runs[run * 3 + 1]!;
    const frames = runs[run * 3 + 2]!;
    for (let index = 0; index < frames; index++) memory.drop(frame + index);
    pages += frames;
  }
  return pages;
}

/** Ends a load: threads begin no further unit. */
export const stopLoad = ({ control }: LoadPlan): void => {
  Atomics.store(control, CONTROL.STOP, 1);
};

/** Pages that are in their frames; to be shown to people, so a little late does no harm. */
export const loadedPages = ({ control }: LoadPlan): number => Atomics.load(control, CONTROL.LOADED_PAGES);
