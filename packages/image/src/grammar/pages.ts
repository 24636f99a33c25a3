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
    const addresses = context.addresses;
    readAddresses(addresses, vma.batch, record);
    checkAddresses(context, vma, addresses, record.position + RECORD_HEADER_SIZE);
    const firstPage = record.position + RECORD_HEADER_SIZE + vma.batch * ADDRESS_SIZE;
    context.visitor.pages(addresses, vma.batch, firstPage);
    return 'batch';
  },
};

/** Numbers, not bigints: this and the next function run once a page. */
function readAddresses(addresses: Float64Array, count: number, { view, offset }: RecordBody): void {
  for (let index = 0, at = offset; index < count; index++, at += ADDRESS_SIZE)
    addresses[index] = view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}

/** One finding a batch, for its first bad address: where one is wrong, most of those behind it are, too. */
function checkAddresses(context: Context, vma: CurrentVma, addresses: Float64Array, position: number): void {
  const { start, end, batch = 0 } = vma;
  let last = vma.lastPage;
  let wrong = -1;
  for (let index = 0; index < batch; index++) {
    const address = addresses[index]!;
    if (address <= last || address < start || address >= end || address % PAGE_SIZE !== 0) {
      wrong = index;
      break;
    }
    last = address;
  }
  vma.lastPage = batch > 0 ? addresses[batch - 1]! : last;
  if (wrong !== -1)
    context.report('page-address', position + wrong * ADDRESS_SIZE, describe(addresses[wrong]!, vma, last));
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
