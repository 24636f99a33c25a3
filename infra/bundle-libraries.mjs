// Makes one file each of the modules that name what is used of a library, in place of those that tsc made, which import it.
// As they come, typebox and ajv are some 480 files, nats and prom-client 150: every process loads them, those of schemas every
// cpu thread, too. One file each, without what is not used, is read and compiled in a fraction of that time.
import { join } from 'node:path';
import { build } from 'esbuild';

const MODULES = [
  { folder: 'packages/schema', names: ['type', 'ajv'] },
  { folder: 'packages/protocol', names: ['connection/nats'], needsRequire: true },
  { folder: 'packages/service', names: ['metrics/prometheus'], needsRequire: true },
];

/** What esbuild leaves of CommonJS modules may ask for Node's own modules by `require`. */
const REQUIRE = `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);`;

/** @param root the folder of the repository, built by tsc */
export async function bundleLibraries(root) {
  const bundles = MODULES.map(({ folder, names, needsRequire = false }) => {
    const source = join(root, folder, 'src');
    return build({
      // The sources: what tsc made of them is what this replaces.
      entryPoints: names.map((name) => join(source, `${name}.ts`)),
      outbase: source,
      outdir: join(root, folder, 'dist'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'warning',
      ...(needsRequire && { banner: { js: REQUIRE } }),
    });
  });
  await Promise.all(bundles);
}
