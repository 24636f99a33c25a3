import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));

export const textOf = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');

/** Files of a folder and all below it, as paths from the repository. */
export const filesIn = (folder: string, extension: string): string[] =>
  readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)))
    .sort();

/** The documents of a YAML file; `<<` merges, as compose has it. @throws a fault or a warning of the parser */
export function yamlOf<Document = unknown>(path: string): Document[] {
  return parseAllDocuments(textOf(path), { merge: true, strict: true, uniqueKeys: true }).map((document) => {
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) throw new Error(`${path}: ${fault.message}`);
    return document.toJS() as Document;
  });
}
