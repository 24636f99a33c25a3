import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

test('what the package exports is there once tsc has run; the bundles only take the place of its files', () => {
  const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    exports: { '.': { default: string } };
  };
  const source = exports['.'].default.replace(/^\.\/dist\/(.*)\.js$/, '../src/$1.ts');
  expect(existsSync(new URL(source, import.meta.url))).toBe(true);
});
