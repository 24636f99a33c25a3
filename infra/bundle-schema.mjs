// Makes one file each of what packages/schema takes from typebox and from ajv, in place of those that tsc made, which
// import them. Every process and every cpu thread loads them: as they come these are some 480 files, and 0.4 to 0.5 s of
// a core; without what is not used they take 0.03 s.
import { join } from 'node:path';
import { build } from 'esbuild';

/** @param root the folder of the repository, built by tsc */
export async function bundleSchema(root) {
  const folder = join(root, 'packages/schema');
  await build({
    // The sources: what tsc made of them is what this replaces.
    entryPoints: ['type.ts', 'ajv.ts'].map((name) => join(folder, 'src', name)),
    outdir: join(folder, 'dist'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
  });
}
