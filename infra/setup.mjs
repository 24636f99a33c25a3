#!/usr/bin/env node
// Brings a fresh clone to a built state: npm install when the lock file changed, system tools when asked for
// (`--nats`: nats-server, which a cluster stands on; `--tools`: that, gdb and readelf, which some tests use as
// independent judges, and openssl, which makes certificates for them), then an incremental build.
// Needs nothing but Node and npm; does nothing that is already done.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.ckptree-setup');

/** Runs a command; its output goes to stderr, so that a command's own stdout stays clean. */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  return result.status === 0;
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

/** Debian has servers in /usr/sbin, which is not on everybody's PATH. */
function has(tool) {
  return [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin'].some(
    (folder) => folder !== '' && existsSync(join(folder, tool)),
  );
}

/** Installs what is missing of these tools, each by the name of its package, where that is possible. */
function installTools(tools) {
  const packages = Object.entries(tools).flatMap(([tool, name]) => (has(tool) ? [] : [name]));
  if (packages.length === 0 || process.getuid?.() !== 0 || !has('apt-get')) return;
  process.stderr.write(`setup: installing ${packages.join(', ')} (apt-get)\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
  if (!install() && !(run('apt-get', ['update', '-qq'], { env }) && install()))
    process.stderr.write(`setup: could not install ${packages.join(', ')}; what needs them will say so\n`);
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) fail(`Node ${process.versions.node} is too old; ckptree needs Node 20 or newer`);

const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  process.stderr.write('setup: installing packages (npm install)\n');
  // Not `npm ci`: it insists on an entry for every optional binary of every platform, which a registry mirror
  // may not carry. `--no-save` leaves the lock file as it is.
  if (!run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']))
    fail('npm install failed; see its messages above');
  writeFileSync(stamp, lock);
}

const asked = (option) => process.argv.includes(option);
const TOOLS = { gdb: 'gdb', readelf: 'binutils', openssl: 'openssl', 'nats-server': 'nats-server' };
if (asked('--tools')) installTools(TOOLS);
else if (asked('--nats')) installTools({ 'nats-server': 'nats-server' });

if (!existsSync(join(root, 'packages/cli/dist'))) process.stderr.write('setup: building\n');
if (!run(process.execPath, ['node_modules/typescript/bin/tsc', '-b']))
  fail('the build failed; see its messages above');
// Only now: a fresh clone has no esbuild before.
const { bundleLibraries } = await import('./bundle-libraries.mjs');
await bundleLibraries(root);
