/** Entries that a page has unless it is said. */
const PAGE = 1_000;

/** A page of a list that only grows. @param after how many entries come before it */
export function pageOf<Item>(
  list: readonly Item[],
  { after = 0, limit = PAGE }: { readonly after?: number | undefined; readonly limit?: number | undefined },
): { readonly items: Item[]; readonly next: { readonly next?: number } } {
  const end = after + limit;
  return { items: list.slice(after, end), next: end < list.length ? { next: end } : {} };
}
