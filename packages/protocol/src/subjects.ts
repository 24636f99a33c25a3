import { CkptError } from '@ckptree/errors';
import { PREFIX } from './messages/definition.js';
import { INSTANCE_PATTERN } from './messages/fields.js';

/** Every subject, stream and bucket of a cluster, and nowhere else. */

const INSTANCE = new RegExp(INSTANCE_PATTERN);

/** One token of a subject that came from somewhere else: a wildcard in it would reach others. @throws EINVAL */
export function token(value: string, what: string): string {
  if (INSTANCE.test(value)) return value;
  throw new CkptError(
    'EINVAL',
    `${JSON.stringify(value.slice(0, 64))} is no ${what}: it must be 1 to 63 of a-z, 0-9 and -, and not begin with -`,
    { field: what },
  );
}

export const SUBJECTS = {
  coordinator: `${PREFIX}.coordinator`,
  worker: (id: string) => `${PREFIX}.worker.${token(id, 'worker id')}`,
  storage: `${PREFIX}.storage`,
  storageAt: (instance: string) => `${PREFIX}.storage.at.${token(instance, 'storage instance')}`,
  events: `${PREFIX}.event`,
  checkpointRequest: `${PREFIX}.request.checkpoint`,
} as const;

export const STREAMS = { events: 'CKPTREE_EVENTS', requests: 'CKPTREE_REQUESTS' } as const;

export const BUCKETS = {
  workers: 'ckptree-workers',
  checkpoints: 'ckptree-checkpoints',
  trees: 'ckptree-trees',
  control: 'ckptree-control',
  keys: 'ckptree-keys',
} as const;

/** The queue group of the storage services. */
export const STORAGE_QUEUE = 'storage';
/** The header that holds the JSON of a message whose content is bytes. */
export const JSON_HEADER = 'Ckptree';
