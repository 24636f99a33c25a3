import { expect, test } from '@jest/globals';
import { allPages } from '../dist/pages.js';

test('a list is asked for page by page, to its end', async () => {
  const pages = await allPages(async ({ after = 0 }) => ({ after, ...(after < 3 && { next: after + 1 }) }));
  expect(pages.map(({ after }) => after)).toEqual([0, 1, 2, 3]);
});

test('a list without an end is an error, and not one that is cut short', async () => {
  await expect(allPages(async ({ after = 0 }) => ({ next: after + 1 }))).rejects.toMatchObject({
    code: 'EBADMSG',
  });
});
