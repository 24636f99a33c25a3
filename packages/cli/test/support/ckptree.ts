import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';

export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));
const BIN = join(REPOSITORY, 'packages/cli/bin/ckptree.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sees the process as soon as it was started. */
  readonly meanwhile?: (child: ChildProcess) => void;
}

/** Runs the real command in a process of its own and waits for its end. */
export function ckptree(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return execute(process.execPath, [BIN, ...args], options);
}

/** Runs a shell script in which `ckptree` is the command. */
export function shell(script: string, options: RunOptions = {}): Promise<Ended> {
  const define = `ckptree() { '${process.execPath}' '${BIN}' "$@"; }`;
  return execute('bash', ['-o', 'pipefail', '-c', `${define}\n${script}`], options);
}

function execute(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Jest's own flags are no business of the command.
    const env = { ...process.env, NODE_OPTIONS: '', ...options.env };
    const child = spawn(command, args, { env, cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    options.meanwhile?.(child);
  });
}

/** A folder for one test file, gone when that has ended. */
export function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'ckptree-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    path: (name: string) => join(folder, name),
    /** @returns the path of the file */
    write: (name: string, content: string | Uint8Array) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
    spec: (name: string, spec: unknown) => {
      writeFileSync(join(folder, name), JSON.stringify(spec));
      return join(folder, name);
    },
    list: () => readdirSync(folder).sort(),
  };
}

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });

/** A JSON document as the published schema of a command has it. @throws when it is not */
export function documentOf<Report = Record<string, unknown>>(command: string, stdout: string): Report {
  const owner = ['inspect', 'verify', 'diff'].includes(command) ? 'image' : 'cli';
  const path = join(REPOSITORY, `packages/${owner}/schemas/${command}.schema.json`);
  const schema = JSON.parse(readFileSync(path, 'utf8')) as object;
  const validate = ajv.getSchema(path) ?? ajv.addSchema(schema, path).getSchema(path);
  const document: unknown = JSON.parse(stdout);
  if (validate?.(document) !== true)
    throw new Error(`not as ${command}.schema.json has it: ${ajv.errorsText(validate?.errors)}\n${stdout}`);
  return document as Report;
}

/** A line of a stack trace; no user ever sees one. */
export const STACK = /^\s+at .*(?::\d+:\d+\)?|node:internal.*)$/m;
