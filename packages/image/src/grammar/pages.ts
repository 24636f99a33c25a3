import { PAGE_SIZE } from '@ckptree/model';
import { ADDRESS_SIZE, BATCH_PAGES, RECORD_HEADER_SIZE } from '../constants.js';
import { contentsSize } from '../encode/pages.js';
import { exactly } from '../lengths.js';
import { usualLengths } from '../records.js';
import type { Context, CurrentVma } from './context.js';
import type { State } from './state.js';
import { fixed, type RecordBody, type Transition, type Transitions } from './transition.js';

const TWO_32 = 2 ** 32;

const batch: Transition = fixed('PGARR', (context, { nr_pages }, at) => {
  const { vma } = context;
  if (nr_pages === 0n) {
    context.vma = undefined;
    return 'vmas';
  }
  if (nr_pages > BATCH_PAGES)
    context.report(
      'batch-size',
      at.field('nr_pages'),
      `a batch of ${nr_pages} pages; it has at most ${BATCH_PAGES}`,
    );
  if (vma !== undefined) vma.batch = nr_pages > BATCH_PAGES ? undefined : Number(nr_pages);
  return 'contents';
});

/** Only the addresses are looked at; the pages behind them are skipped. */
const contents: Transition = {
  lengths: ({ vma }) =>
    vma?.batch === undefined ? usualLengths('BUFFER') : exactly(contentsSize(vma.batch)),
  wanted: ({ vma }) => (vma?.batch ?? 0) * ADDRESS_SIZE,
  take(context, record) {
    const { vma } = context;
    if (vma?.batch !== undefined) takePages(context, vma, vma.batch, record);
    return 'batch';
  },
};

/**
 * Tells the pages of a batch. One finding a batch, for its first bad address: where one is wrong, most of those behind it
 * are, too.
 */
function takePages(context: Context, vma: CurrentVma, batch: number, record: RecordBody): void {
  const { view, offset } = record;
  const addresses = record.position + RECORD_HEADER_SIZE;
  const contents = addresses + batch * ADDRESS_SIZE;
  let sound = true;
  for (let index = 0; index < batch; ) {
    const at = offset + index * ADDRESS_SIZE;
    const address = view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
    const pages = countConsecutive(view, at, batch - index);
    const good = goodPages(vma, address, pages);
    if (sound && good < pages) {
      sound = false;
      const last = good === 0 ? vma.lastPage : address + (good - 1) * PAGE_SIZE;
      const message = describe(address + good * PAGE_SIZE, vma, last);
      context.report('page-address', addresses + (index + good) * ADDRESS_SIZE, message);
    }
    context.visitor.pages(address, pages, contents + index * PAGE_SIZE);
    vma.lastPage = address + (pages - 1) * PAGE_SIZE;
    index += pages;
  }
}

/** How many addresses from byte `at` on, `most` at most, are each a page above the one before. */
function countConsecutive(view: DataView, at: number, most: number): number {
  // In halves, which are small integers: this runs once a page.
  let low = view.getInt32(at, true);
  let high = view.getInt32(at + 4, true);
  for (let count = 1; count < most; count++) {
    const next = at + count * ADDRESS_SIZE;
    low = (low + PAGE_SIZE) | 0;
    if (low >= 0 && low < PAGE_SIZE) high = (high + 1) | 0;
    if (view.getInt32(next, true) !== low || view.getInt32(next + 4, true) !== high) return count;
  }
  return most;
}

/** How many of these pages, from the first, may come here in a vma. */
function goodPages({ start, end, lastPage }: CurrentVma, address: number, pages: number): number {
  if (address <= lastPage || address < start || address >= end || address % PAGE_SIZE !== 0) return 0;
  return Math.min(pages, Math.ceil((end - address) / PAGE_SIZE));
}

function describe(address: number, { start, end }: CurrentVma, last: number): string {
  const page = `the page address 0x${address.toString(16)}`;
  if (address % PAGE_SIZE !== 0) return `${page} is not page-aligned`;
  if (address < start || address >= end) return `${page} is outside of its vma`;
  return `${page} does not ascend: it comes behind 0x${last.toString(16)}`;
}

export const pageStates = {
  batch: { PGARR: batch },
  contents: { BUFFER: contents },
} satisfies Partial<Record<State, Transitions>>;
