import { dirname, resolve } from 'node:path';
import { parseSpec, type Spec } from './parse-spec.js';
import { parseFile } from './spec-file.js';

/**
 * The spec in a file; its relative paths start from the file's folder.
 * @throws what parseSpec() throws, ENOENT and other errors of the system, all with the file's `path`
 */
export const readSpec = (path: string): Promise<Spec> =>
  parseFile(path, (text) => parseSpec(text, { baseFolder: dirname(resolve(path)) }));
