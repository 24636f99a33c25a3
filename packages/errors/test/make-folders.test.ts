import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolders } from '@ckptree/errors';
import { afterAll, describe, expect, test } from '@jest/globals';

const scratch = mkdtempSync(join(tmpdir(), 'ckptree-folders-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('a folder', () => {
  test('is made with those above it, for its owner alone', async () => {
    const path = join(scratch, 'a/b/c');
    await makeFolders(path);
    for (const each of [path, join(scratch, 'a')]) expect(statSync(each).mode & 0o777).toBe(0o700);
  });

  test('may be there, also by way of a link, and may be made by several at once', async () => {
    const path = join(scratch, 'd/e');
    await Promise.all([makeFolders(path), makeFolders(path), makeFolders(join(path, 'f'))]);
    symlinkSync(path, join(scratch, 'link'));
    await makeFolders(join(scratch, 'link'));
    await makeFolders('/');
  });

  test('cannot be where a file is, below a file, or where nobody can make one: each is told at once', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    for (const [path, code] of [
      [file, 'EEXIST'],
      [join(file, 'a'), 'EEXIST'],
      ['/proc/nope/a', 'ENOENT'],
    ] as const)
      await expect(makeFolders(path)).rejects.toMatchObject({
        code,
        message: expect.stringContaining('cannot make the folder'),
      });
  });
});
