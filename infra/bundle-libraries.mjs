// Makes one file each of the modules that name what is used of a library, in place of those that tsc made, which import it.
// As they come, typebox and ajv are some 480 files, nats and prom-client 150: every process loads them, those of schemas every
// cpu thread, too. One file each, without what is not used, is read and compiled in a fraction of that time.
import { join } from 'node:path';
import { build } from 'esbuild';

const MODULES = {
  'packages/schema': ['type', 'ajv'],
  'packages/protocol': ['connection/nats'],
  'packages/service': ['metrics/prometheus'],
};

/** What esbuild leaves of CommonJS modules asks for Node's own modules by `require`. */
const REQUIRE =
  "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";

/** @param root the folder of the repository, built by tsc */
export async function bundleLibraries(root) {
  const bundles = Object.entries(MODULES).map(([folder, modules]) => {
    const source = join(root, folder, 'src');
    return build({
      // The sources: what tsc made of them is what this replaces.
      entryPoints: modules.map((name) => join(source, `${name}.ts`)),
      outbase: source,
      outdir: join(root, folder, 'dist'),
      banner: { js: REQUIRE },
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'warning',
    });
  });
  await Promise.all(bundles);
}
