import { type Mm, PAGE_SIZE, type StoredPages, type Vma, vmaRange } from '@ckptree/model';
import { hex } from '../printable.js';
import type { PageComparer, PageOutcome } from './compare-pages.js';
import type { Describer } from './describe.js';
import { differences } from './fields.js';
import { type Listing, MOST_LISTED } from './listing.js';
import type { AddressSpaceDifference, DiffReport, PageDifferences, VmaDifference } from './report.js';

/** Runs of pages that are listed for one vma, and for an address space. */
const MOST_RUNS = 1000;
const MOST_RUNS_OF_MM = MOST_LISTED;

/** The same of both images. */
export interface Sides<T> {
  readonly a: T;
  readonly b: T;
}

interface Diffing {
  readonly comparer: PageComparer;
  readonly listing: Listing;
  /** Pages are counted here. */
  readonly totals: DiffReport['pages'];
}

/** How two address spaces differ. */
export async function diffMm(
  mms: Sides<Mm<StoredPages>>,
  describe: Sides<Describer>,
  { comparer, listing, totals }: Diffing,
): Promise<Pick<AddressSpaceDifference, 'fields' | 'vmas'>> {
  let runs = 0;
  const vmas = matchVmas(mms);
  const ofA = new AscendingVmas(vmas.filter(({ a }) => a !== undefined));
  const ofB = new AscendingVmas(vmas.filter(({ b }) => b !== undefined));
  for await (const outcome of comparer.compare(mms.a.memory, mms.b.memory)) {
    const { how, pages, address } = outcome;
    totals.compared += pages;
    if (how === 'same') continue;
    totals[how] += pages;
    const vma = (how === 'onlyInB' ? ofB : ofA).at(address);
    vma.pages ??= { differ: 0, onlyInA: 0, onlyInB: 0, runs: [] };
    vma.pages[how] += pages;
    const most = Math.min(MOST_RUNS, vma.pages.runs.length + MOST_RUNS_OF_MM - runs);
    if (addRun(vma.pages.runs, { address, pages, how }, most)) runs++;
  }
  const fields = listing.some(differences(describe.a.mm(mms.a), describe.b.mm(mms.b)));
  const listed: VmaDifference[] = [];
  for (const vma of vmas) {
    const difference = describeVma(vma, describe);
    if (isDifferent(difference) && listing.takes(entriesOf(difference))) listed.push(difference);
  }
  return { fields, vmas: listed };
}

interface MatchedVma {
  readonly start: number;
  readonly a?: Vma;
  readonly b?: Vma;
  pages?: PageDifferences;
}

/** The vmas of both, matched by their start, ascending. */
function matchVmas({ a, b }: Sides<Mm<StoredPages>>): MatchedVma[] {
  const matched = new Map<number, MatchedVma>(a.vmas.map((vma) => [vma.start, { start: vma.start, a: vma }]));
  for (const vma of b.vmas) matched.set(vma.start, { start: vma.start, ...matched.get(vma.start), b: vma });
  return [...matched.values()].sort((left, right) => left.start - right.start);
}

/** Finds the vma of one address after the other, ascending. A run of pages never leaves its vma. */
class AscendingVmas {
  readonly #vmas: readonly MatchedVma[];
  #index = 0;

  constructor(vmas: readonly MatchedVma[]) {
    this.#vmas = vmas;
  }

  at(address: number): MatchedVma {
    while ((this.#vmas[this.#index + 1]?.start ?? Number.POSITIVE_INFINITY) <= address) this.#index++;
    return this.#vmas[this.#index]!;
  }
}

/** @param most runs that there may be. @returns whether there is one more */
function addRun(
  runs: PageDifferences['runs'],
  { address, pages, how }: PageOutcome & { how: PageDifferences['runs'][number]['how'] },
  most: number,
): boolean {
  const last = runs.at(-1);
  if (last?.how === how && Number(last.address) + last.pages * PAGE_SIZE === address) last.pages += pages;
  else if (runs.length < most) return runs.push({ address: hex(address), pages, how }) > 0;
  return false;
}

function describeVma({ a, b, pages }: MatchedVma, describe: Sides<Describer>): VmaDifference {
  const inBoth = a !== undefined && b !== undefined;
  return {
    vma: vmaRange((a ?? b)!),
    ...(!inBoth && { onlyIn: a === undefined ? 'b' : 'a' }),
    fields: inBoth ? differences(describe.a.vma(a), describe.b.vma(b)) : [],
    ...(pages !== undefined && { pages }),
  };
}

const isDifferent = ({ onlyIn, fields, pages }: VmaDifference): boolean =>
  onlyIn !== undefined || fields.length > 0 || pages !== undefined;

/** A vma by itself, or all that differs in it. */
const entriesOf = ({ fields, pages }: VmaDifference): number =>
  Math.max(1, fields.length + (pages?.runs.length ?? 0));
