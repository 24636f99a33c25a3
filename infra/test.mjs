#!/usr/bin/env node
// The whole truth about a working tree, in order of cheapness: format and lint, types, layering, tests.
// Closes with `Tests: N passed, N failed`, read from the runner's own result file.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = process.execPath;

function step(title, args, env = {}) {
  process.stdout.write(`\n== ${title}\n`);
  const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  return status === 0;
}

const jestOnly = process.argv.includes('--jest-only');
const rest = process.argv.slice(2).filter((arg) => arg !== '--jest-only');
const checks = jestOnly
  ? []
  : [
      [
        'format and lint (biome)',
        ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
      ],
      ['types of tests (tsc)', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json']],
      ['layers (dependency-cruiser)', ['infra/check-layers.mjs']],
      ['unused code and dependencies (knip)', ['node_modules/knip/bin/knip.js', '--no-config-hints']],
    ];
const failed = checks.filter(([title, args]) => !step(title, args)).map(([title]) => title);

const scratch = mkdtempSync(join(tmpdir(), 'ckptree-test-'));
try {
  const resultFile = join(scratch, 'result.json');
  // Without this flag jest would silently run the tests as CommonJS; a test notices.
  const nodeOptions = `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings=ExperimentalWarning`;
  const ok = step(
    'tests (jest)',
    ['node_modules/jest/bin/jest.js', '--json', `--outputFile=${resultFile}`, ...rest],
    {
      NODE_OPTIONS: nodeOptions.trim(),
    },
  );
  if (!ok) failed.push('tests (jest)');
  const result = existsSync(resultFile)
    ? JSON.parse(readFileSync(resultFile, 'utf8'))
    : { numPassedTests: 0 };
  // A suite that could not even load has no tests to count as failed, and a runner that died has no result at
  // all; neither may look like success.
  const broken = Math.max((result.numFailedTests ?? 0) + (result.numRuntimeErrorTestSuites ?? 0), ok ? 0 : 1);
  process.stdout.write(failed.length === 0 ? '\nAll checks passed.\n' : `\nFailed: ${failed.join('; ')}\n`);
  process.stdout.write(`Tests: ${result.numPassedTests} passed, ${broken} failed\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed.length === 0 ? 0 : 1;
