import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentVersion } from '@ckptree/kernel';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const TIB = 2 ** 40;
const folder = mkdtempSync(join(tmpdir(), 'ckptree-versions-'));
const path = (name: string) => join(folder, name);

beforeAll(() => {
  writeFileSync(path('empty'), '');
  writeFileSync(path('words'), 'the quick brown fox'.repeat(100_000));
  copyFileSync(path('words'), path('copy'));
  writeFileSync(path('others'), 'the quick brown cat'.repeat(100_000));
});

afterAll(() => rmSync(folder, { recursive: true }));

test('a copy of a file has its version, another file has not', async () => {
  const [words, copy, others, empty] = await Promise.all(
    ['words', 'copy', 'others', 'empty'].map((name) => contentVersion(path(name))),
  );
  expect(copy).toBe(words);
  expect(new Set([words, others, empty, 0n]).size).toBe(4);
});

test('a file that says it is empty, and has no end, is not read', async () => {
  expect(await contentVersion('/proc/self/pagemap')).toBe(await contentVersion(path('empty')));
});

test('a file that nobody has the time to read is refused, and so is a pipe that nobody writes to', async () => {
  writeFileSync(path('vast'), '');
  truncateSync(path('vast'), TIB + 1);
  execFileSync('mkfifo', [path('pipe')]);
  await expect(contentVersion(path('vast'))).rejects.toMatchObject({
    code: 'E2BIG',
    fields: { path: path('vast') },
  });
  await expect(contentVersion(path('pipe'))).rejects.toMatchObject({
    code: 'ENOSYS',
    fields: { path: path('pipe') },
  });
});
