#!/usr/bin/env node
// Runs the test suite on other Node releases. The registry's `node` package holds the runtime itself, so a
// release costs one npm install into .cache/.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const releases = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24'];

function runtime(release) {
  const prefix = join(root, '.cache', `node-${release}`);
  const binary = join(prefix, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(prefix, { recursive: true });
    const args = [
      'install',
      '--prefix',
      prefix,
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--foreground-scripts',
      `node@${release}`,
    ];
    const { status } = spawnSync('npm', args, { cwd: prefix, stdio: ['ignore', 2, 2] });
    if (status !== 0 || !existsSync(binary))
      throw new Error(`could not install node@${release} from the registry`);
  }
  return binary;
}

const results = releases.map((release) => {
  const binary = runtime(release);
  const { stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  process.stdout.write(`\n==== Node ${stdout.trim()}\n`);
  const { status } = spawnSync(binary, ['infra/test.mjs', '--jest-only'], { cwd: root, stdio: 'inherit' });
  return { version: stdout.trim(), ok: status === 0 };
});
process.stdout.write('\n');
for (const { version, ok } of results) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} Node ${version}\n`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
