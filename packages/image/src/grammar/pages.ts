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
    if (vma?.batch === undefined) return 'batch';
    const { addresses } = context;
    takeAddresses(context, vma, vma.batch, record);
    const firstPage = record.position + RECORD_HEADER_SIZE + vma.batch * ADDRESS_SIZE;
    context.visitor.pages(addresses, vma.batch, firstPage);
    return 'batch';
  },
};

/**
 * Reads the addresses of a batch into `context.addresses`. One finding a batch, for its first bad address: where one is
 * wrong, most of those behind it are, too.
 */
function takeAddresses(context: Context, vma: CurrentVma, batch: number, record: RecordBody): void {
  const { view, offset } = record;
  const { addresses } = context;
  const { start, end } = vma;
  let last = vma.lastPage;
  let wrong = -1;
  let before = last;
  // Numbers, not bigints, and one pass: this runs once a page. Mostly the next page follows.
  for (let index = 0, at = offset; index < batch; index++, at += ADDRESS_SIZE) {
    const address = view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
    addresses[index] = address;
    const follows = address === last + PAGE_SIZE && address < end && last >= start;
    if (!follows && wrong === -1 && !isNext(address, last, start, end)) {
      wrong = index;
      before = last;
    }
    last = address;
  }
  vma.lastPage = last;
  if (wrong === -1) return;
  const position = record.position + RECORD_HEADER_SIZE + wrong * ADDRESS_SIZE;
  context.report('page-address', position, describe(addresses[wrong]!, vma, before));
}

const isNext = (address: number, last: number, start: number, end: number): boolean =>
  address > last && address >= start && address < end && address % PAGE_SIZE === 0;

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
