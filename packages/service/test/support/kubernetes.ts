import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { REPOSITORY } from './infra.js';

/** As much of an object as tests look at. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

const models = dirname(createRequire(import.meta.url).resolve('kubernetes-models/package.json'));

/**
 * Checks objects against the types of the Kubernetes API, by the compiler: unknown fields, missing ones, and wrong
 * values are errors. @returns what it says; nothing when all is well
 */
export function typeErrorsOf(manifests: readonly Manifest[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'ckptree-kubernetes-'));
  try {
    const file = join(folder, 'manifests.ts');
    writeFileSync(file, manifests.map(sourceOf).join('\n'));
    const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--types', '', '--module', 'esnext'];
    const { status, stdout } = spawnSync(
      process.execPath,
      [compiler, ...options, '--moduleResolution', 'bundler', file],
      { encoding: 'utf8', cwd: folder },
    );
    return status === 0 ? '' : stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sourceOf(manifest: Manifest, index: number): string {
  const { apiVersion, kind } = manifest;
  const type = `import(${JSON.stringify(join(models, apiVersion, kind))}).I${kind}`;
  return `export const m${index}: ${type} = ${JSON.stringify(manifest)};`;
}
