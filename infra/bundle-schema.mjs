// Makes one file of packages/schema with what it takes from typebox and ajv. Every process and every cpu thread loads it:
// as they come these are some 480 files, and 0.4 to 0.5 s of a core; one file without what is not used takes 0.03 s.
import { join } from 'node:path';
import { build } from 'esbuild';

/** @param root the folder of the repository, built by tsc */
export async function bundleSchema(root) {
  const dist = join(root, 'packages/schema/dist');
  await build({
    entryPoints: [join(dist, 'index.js')],
    outfile: join(dist, 'bundle.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['@ckptree/*'],
    logLevel: 'warning',
  });
}
