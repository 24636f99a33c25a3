import { CkptError } from '@ckptree/errors';
import { listed, validatorOf } from '../schema/validation.js';
import { SpawnForest } from './spawn-forest.js';

const validate = validatorOf(SpawnForest);

/** Gives a document that came from elsewhere its type. @throws EINVAL it is no forest; `field` is a JSON pointer */
export function checkForest(document: unknown): SpawnForest {
  const findings = validate(document);
  if (findings[0] === undefined) return document as SpawnForest;
  throw new CkptError(
    'EINVAL',
    `the tasks to start are not described as they should be: ${listed(findings)}`,
    {
      field: findings[0].pointer,
    },
  );
}
