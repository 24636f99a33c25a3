import { CkptError } from '@ckptree/errors';
import { listed, validatorOf } from '../schema/validation.js';
import { expand } from './expand.js';
import { parseJson, textOf } from './json-text.js';
import { SpecDocument } from './schema.js';
import type { SpawnTree } from './spawn-tree.js';

/** A spec that was found to be right: everything looked up, nothing relative, plain data. */
export interface Spec {
  readonly name?: string;
  readonly description?: string;
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly tree: SpawnTree;
}

const validate = validatorOf(SpecDocument);

/**
 * @param document the text of a SPEC.json, or what it says as data
 * @param options  `baseFolder`: the folder that relative paths start from
 * @throws E2BIG a limit is passed; EINVAL not JSON, or not as the schema has it; and what `expand` throws. The place is
 *   in `field` as a JSON pointer, or in `position`
 */
export function parseSpec(document: unknown, { baseFolder }: { readonly baseFolder: string }): Spec {
  const parsed = parseJson(typeof document === 'string' ? document : textOf(document));
  const findings = validate(parsed);
  if (findings[0] !== undefined)
    throw new CkptError('EINVAL', `the spec is not valid: ${listed(findings)}`, {
      field: findings[0].pointer,
    });
  const { name, description, cpus, memoryMiB, ...rest } = parsed as SpecDocument;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(cpus !== undefined && { cpus }),
    ...(memoryMiB !== undefined && { memoryMiB }),
    tree: expand(rest, baseFolder),
  };
}
