import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureVolumeMark } from '@ckptree/carrier';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ckptree-volume-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('services that mark a folder at the same time all tell the same mark, and leave nothing else there', async () => {
  const marks = await Promise.all(Array.from({ length: 32 }, () => ensureVolumeMark(folder)));
  expect(marks[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(marks).size).toBe(1);
  expect(await ensureVolumeMark(folder)).toBe(marks[0]);
  expect(await readdir(folder)).toEqual(['.volume']);
});

test('a mark that is damaged is told, and not taken for one', async () => {
  await writeFile(join(folder, '.volume'), '');
  await expect(ensureVolumeMark(folder)).rejects.toMatchObject({ code: 'EBADMSG' });
});
