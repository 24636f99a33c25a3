import { CkptError } from '@ckptree/errors';
import { leafStamp, PAGE_SIZE, PTE_FRAME_SHIFT, pageStamp } from '@ckptree/model';
import type { Baseline, MemoryLayout } from '@ckptree/store';
import { batchHeadSize } from './batch-head.js';
import type { Batch } from './plan.js';
import { NONE, SPAN_PAGES, type SpanSet, scatteredSpans, spanOf } from './scattered-spans.js';
import { considerPrivatePage, type LeafPart, leafParts } from './snapshot-leaves.js';
import { StretchList } from './stretch-list.js';

/**
 * The pages of one address space as a store takes them: those to be read, with their frames, and those that are as they
 * were in a baseline, of which none is looked at. A leaf in which nothing changed is passed over as a whole.
 * @param batches of one address space, in order
 * @throws EBUSY the snapshot changed since it was planned
 */
export function memoryPages(batches: readonly Batch[], baseline?: Baseline): MemoryPages {
  if (baseline === undefined) return pagesSince(batches, undefined, NONE).layout(undefined);
  const stretches = pagesSince(batches, baseline, NONE);
  const scattered = scatteredSpans(baseline, stretches.readPages);
  return (scattered.size === 0 ? stretches : pagesSince(batches, baseline, scattered)).layout(baseline);
}

type MemoryPages = Omit<MemoryLayout, 'owner' | 'ppid'>;

/** @param scattered spans of which all pages are to be read, changed or not */
function pagesSince(
  batches: readonly Batch[],
  baseline: Baseline | undefined,
  scattered: SpanSet,
): StretchList {
  const most = batches.reduce((sum, { pages }) => sum + pages, 0);
  const stretches = new StretchList(batches[0]!.memory, most);
  for (const batch of batches) {
    const mark = stretches.beginBatch(batch.position + batchHeadSize(batch.pages));
    if (baseline !== undefined && addChanges(stretches, batch, baseline, scattered)) continue;
    stretches.rollBack(mark);
    addAll(stretches, batch);
  }
  return stretches;
}

function addAll(stretches: StretchList, { memory, start, end, pages, position }: Batch): void {
  const before = stretches.pages;
  for (const part of leafParts(memory, start, end))
    for (let entry = part.from; entry < part.to; entry++) {
      const word = part.words[part.leaf + entry]!;
      if (considerPrivatePage(word))
        stretches.read(part.address + entry * PAGE_SIZE, word >>> PTE_FRAME_SHIFT);
    }
  const found = stretches.pages - before;
  if (found !== pages)
    throw new CkptError(
      'EBUSY',
      `memory from ${start.toString(16)} to ${end.toString(16)} has ${found} pages to save and had ${pages} before: the snapshot changed`,
      { position },
    );
}

/** @returns whether that makes all of the batch's pages; if not, the baseline is not what it seems */
function addChanges(stretches: StretchList, batch: Batch, baseline: Baseline, scattered: SpanSet): boolean {
  const { memory, start, end, pages } = batch;
  const before = stretches.pages;
  const keeper = new Keeper(stretches, baseline);
  const [own] = memory.history ?? [];
  // The same version: nothing has changed at all.
  if (own?.last === baseline.epoch && own.incarnation === baseline.incarnation) keeper.keep(start, end);
  else
    for (const part of leafParts(memory, start, end))
      if (scattered.size === 0) addLeafChanges(keeper, part, baseline.epoch);
      else for (const half of halves(part)) addSpanChanges(keeper, half, baseline.epoch, scattered);
  keeper.close();
  return stretches.pages - before === pages;
}

function addSpanChanges(keeper: Keeper, part: LeafPart, epoch: number, scattered: SpanSet): void {
  if (!scattered.has(spanOf(part.address + part.from * PAGE_SIZE)))
    return addLeafChanges(keeper, part, epoch);
  const { words, leaf, from, to, address } = part;
  for (let entry = from; entry < to; entry++) {
    const word = words[leaf + entry]!;
    if (considerPrivatePage(word)) keeper.read(address + entry * PAGE_SIZE, word >>> PTE_FRAME_SHIFT);
  }
}

/** A part of a leaf by spans. */
function halves(part: LeafPart): LeafPart[] {
  const { from, to } = part;
  if (to <= SPAN_PAGES || from >= SPAN_PAGES) return [part];
  return [
    { ...part, to: SPAN_PAGES },
    { ...part, from: SPAN_PAGES },
  ];
}

function addLeafChanges(keeper: Keeper, { words, leaf, from, to, address }: LeafPart, epoch: number): void {
  if (leafStamp(words, leaf) <= epoch) {
    keeper.keep(address + from * PAGE_SIZE, address + to * PAGE_SIZE);
    return;
  }
  for (let entry = from; entry < to; entry++) {
    const first = entry;
    while (entry < to && isKept(words, leaf, entry, epoch)) entry++;
    if (entry > first) keeper.keep(address + first * PAGE_SIZE, address + entry * PAGE_SIZE);
    if (entry === to) return;
    const word = words[leaf + entry]!;
    if (considerPrivatePage(word)) keeper.read(address + entry * PAGE_SIZE, word >>> PTE_FRAME_SHIFT);
  }
}

const isKept = (words: Int32Array, leaf: number, entry: number, epoch: number): boolean =>
  considerPrivatePage(words[leaf + entry]!) && pageStamp(words, leaf, entry) <= epoch;

/** Puts neighbouring pages that are kept together. */
class Keeper {
  readonly #stretches: StretchList;
  readonly #baseline: Baseline;
  /** The open range; empty when there is none. */
  #start = 0;
  #end = 0;

  constructor(stretches: StretchList, baseline: Baseline) {
    this.#stretches = stretches;
    this.#baseline = baseline;
  }

  keep(start: number, end: number): void {
    if (start !== this.#end) {
      this.close();
      this.#start = start;
    }
    this.#end = end;
  }

  read(address: number, frame: number): void {
    this.close();
    this.#stretches.read(address, frame);
  }

  close(): void {
    const pages = this.#baseline.pagesIn(this.#start, this.#end);
    if (pages > 0) this.#stretches.keep(this.#start, this.#end, pages);
    this.#start = this.#end = 0;
  }
}
