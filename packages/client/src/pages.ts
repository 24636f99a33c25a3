/** A page of a long list, as coordinators answer it. */
interface Page {
  readonly next?: number;
}

/** More pages than this are not asked for: somebody answers without end. */
const MAX_PAGES = 10_000;

/** All pages of a list. */
export async function allPages<P extends Page>(
  ask: (page: { readonly after?: number }) => Promise<P>,
): Promise<readonly P[]> {
  const pages = [await ask({})];
  for (let next = pages[0]?.next; next !== undefined && pages.length < MAX_PAGES; next = pages.at(-1)?.next)
    pages.push(await ask({ after: next }));
  return pages;
}
