import { parseExposition } from '../../../../packages/service/test/support/exposition.js';

/** Messages that could not be dealt with, by what they asked for. */
export interface InvalidCounts {
  readonly invalid: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
}

/** What these services say of them, all together. @param urls where their metrics are */
export async function invalidCounts(urls: readonly string[]): Promise<InvalidCounts> {
  const pages = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const samples = pages.flatMap(parseExposition);
  const sums = (metric: string): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { name, labels, value } of samples)
      if (name === metric) counts[labels.request!] = (counts[labels.request!] ?? 0) + value;
    return counts;
  };
  return {
    invalid: sums('ckptree_protocol_invalid_messages_total'),
    dropped: sums('ckptree_protocol_dropped_messages_total'),
  };
}

export const sumOf = ({ invalid, dropped }: InvalidCounts): number =>
  [...Object.values(invalid), ...Object.values(dropped)].reduce((sum, count) => sum + count, 0);
