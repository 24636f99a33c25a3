import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { hostOwners } from '@ckptree/store';
import { afterAll, describe, expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import type { Line } from './support/crash-child.js';
import { checkGuarantee } from './support/crash-guarantee.js';
import { type Acknowledged, type CrashScenario, crashScenarios } from './support/crash-scenarios.js';
import { scratch } from './support/folder.js';
import { failPower, TORN } from './support/power-failure.js';

/** Dozens of processes, on a machine that may be busy. */
const TIMEOUT_MS = 300_000;
/** Children at once. */
const LANES = 3;

/** The child as one file, so that it starts in a fraction of the time; there are hundreds of them. */
async function bundledChild(folder: string): Promise<string> {
  const outfile = join(folder, 'crash-child.mjs');
  const require = createRequire(import.meta.url);
  await symlink(join(dirname(require.resolve('esbuild/package.json')), '..'), join(folder, 'node_modules'));
  buildSync({
    entryPoints: [join(import.meta.dirname, 'support', 'crash-child.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@napi-rs/*', '@cloudpss/*', 'piscina', 'esbuild'],
    banner: {
      js: `import { createRequire } from 'node:module';
import { tmpdir } from 'node:os'; const require = createRequire(import.meta.url);`,
    },
    logLevel: 'error',
  });
  return outfile;
}

async function runChild(args: readonly string[]): Promise<{ lines: Line[]; signal: NodeJS.Signals | null }> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let [output, complaints] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  expect(complaints).toBe('');
  expect(code ?? signal).toBe(signal ?? 0);
  const lines = output.split('\n').filter((line) => line !== '');
  return { lines: lines.map((line) => JSON.parse(line) as Line), signal };
}

class KillTest {
  readonly #child: string;
  readonly #folder: string;
  readonly #scenario: CrashScenario;
  readonly #name: string;
  #images: ReadonlyMap<string, Buffer> = new Map();

  constructor(child: string, folder: string, name: string) {
    this.#child = child;
    this.#folder = folder;
    this.#name = name;
    this.#scenario = crashScenarios[name]!;
  }

  /** @returns the calls that change something, in order */
  async prepare(): Promise<readonly string[]> {
    this.#images = await this.#scenario.prepare(join(this.#folder, 'template'));
    const { lines } = await this.#run(0);
    return lines.flatMap((line) => ('done' in line ? line.done : []));
  }

  /** Kills at a call; what then becomes of unsynced bytes differs from call to call. @returns what it died before */
  async killAt(at: number): Promise<string> {
    const { lines, signal, path } = await this.#run(at);
    expect(signal).toBe('SIGKILL');
    const { died, atRisk } = lines.find((line) => 'died' in line)!;
    failPower(atRisk, TORN[at % TORN.length]!);
    const told = lines.flatMap((line): Acknowledged[] => ('told' in line ? [line.told] : []));
    await checkGuarantee(this.#scenario, { path, images: this.#images, told }, hostOwners());
    return died;
  }

  async #run(at: number) {
    const path = join(this.#folder, `run${at}`);
    await mkdir(path);
    await cp(join(this.#folder, 'template'), path, { recursive: true });
    const kept = join(this.#folder, `kept${at}`);
    return {
      ...(await runChild([this.#child, path, kept, this.#name, `${at}`, ...this.#images.keys()])),
      path,
    };
  }
}

const home = await mkdtemp(join(tmpdir(), 'ckptree-kill-'));
afterAll(() => rm(home, { recursive: true }));
const child = await bundledChild(home);

describe('a process that is killed at any change that it makes to the file system', () => {
  for (const name of Object.keys(crashScenarios))
    test(
      `${name}: loses nothing that was acknowledged, and the next start cleans up`,
      async () => {
        const kills = new KillTest(child, await scratch('/dev/shm'), name);
        const changes = await kills.prepare();
        const killed: string[] = [];
        let next = 1;
        const lane = async (): Promise<void> => {
          // Packs are put side by side, so the order may differ from run to run, and with it what the n-th is.
          for (let at = next++; at <= changes.length; at = next++) killed.push(await kills.killAt(at));
        };
        await Promise.all(Array.from({ length: LANES }, lane));
        expect(killed).toHaveLength(changes.length);
        expect(new Set(killed)).toEqual(new Set(changes));
      },
      TIMEOUT_MS,
    );
});
