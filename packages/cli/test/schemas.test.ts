import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPORT_SCHEMAS } from '@ckptree/cli';
import { expect, test } from '@jest/globals';
import { REPOSITORY } from './support/ckptree.js';

const FOLDER = join(REPOSITORY, 'packages/cli/schemas');

test('the published schemas are those of the types; `npm run write-schemas -w @ckptree/cli` writes them', () => {
  const published = readdirSync(FOLDER).map((file) => [
    file.replace('.schema.json', ''),
    JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as unknown,
  ]);
  const expected: unknown = JSON.parse(JSON.stringify(REPORT_SCHEMAS));
  expect(Object.fromEntries(published)).toEqual(expected);
});
