import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CkptError } from '@ckptree/errors';
import type { Role } from '@ckptree/service';

const require = createRequire(import.meta.url);

/** The file that Node runs to be a service. Services are started, never imported: each is a process of its own. */
export function serviceBin(role: Role): string {
  const description = require.resolve(`@ckptree/${role}/package.json`);
  const { bin = {} } = JSON.parse(readFileSync(description, 'utf8')) as {
    readonly bin?: Readonly<Record<string, string>>;
  };
  const [file] = Object.values(bin);
  if (file === undefined)
    throw new CkptError('ENOENT', `the package of the ${role} service has no bin`, { path: description });
  return join(dirname(description), file);
}
