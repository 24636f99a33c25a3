import { CkptError } from '@ckptree/errors';

/** A page of a long list, as coordinators answer it. */
interface Page {
  readonly next?: number;
}

/** More pages than this are not asked for: somebody answers without end. */
const MAX_PAGES = 10_000;

/** All pages of a list. @throws EBADMSG there is no end of them */
export async function allPages<P extends Page>(
  ask: (page: { readonly after?: number }) => Promise<P>,
): Promise<readonly P[]> {
  const pages = [await ask({})];
  for (let next = pages[0]?.next; next !== undefined; next = pages.at(-1)?.next) {
    if (pages.length === MAX_PAGES)
      throw new CkptError(
        'EBADMSG',
        `a list has not ended after ${MAX_PAGES} pages; it would never be whole`,
      );
    pages.push(await ask({ after: next }));
  }
  return pages;
}
