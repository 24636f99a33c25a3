import { randomBytes } from 'node:crypto';
import { CkptError, isCkptError } from '@ckptree/errors';
import { documentCheck, type Static, Type } from '@ckptree/schema';
import type { ObjectBackend } from './backend/object-backend.js';
import { encodeDocument, readDocument } from './envelope.js';
import { CONFIG } from './layout.js';

/** The version of everything in a store. A store of another version is refused. */
export const FORMAT_VERSION = 1;

const ConfigSchema = Type.Object(
  {
    format: Type.Integer({ minimum: 1 }),
    id: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    created: Type.String({ maxLength: 40 }),
    encrypted: Type.Boolean(),
    codec: Type.Union([Type.Literal('zstd'), Type.Literal('none')]),
    level: Type.Integer({ minimum: 1, maximum: 19 }),
  },
  { additionalProperties: false },
);

/** What a store was made with. It never changes. */
export type StoreConfig = Static<typeof ConfigSchema>;

export const checkConfig = documentCheck(ConfigSchema);

export type NewConfig = Pick<StoreConfig, 'id' | 'encrypted' | 'codec' | 'level'>;

export const newStoreId = (): string => randomBytes(16).toString('hex');

/** @throws EEXIST there is a store already */
export async function createConfig(backend: ObjectBackend, settings: NewConfig): Promise<StoreConfig> {
  const config = {
    format: FORMAT_VERSION,
    created: new Date().toISOString(),
    ...settings,
  };
  if (!(await backend.put(CONFIG, [encodeDocument(CONFIG, config)])))
    throw new CkptError('EEXIST', `${backend.location} is a store already`, { path: backend.location });
  return config;
}

/** Whether there is a store, whatever its description says. */
export async function isStore(backend: ObjectBackend): Promise<boolean> {
  try {
    await backend.read(CONFIG, 0, 1);
    return true;
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** @throws ENOENT it is no store; ENOEXEC it is one of another version; EIO, EBADMSG its description is damaged */
export async function readConfig(backend: ObjectBackend): Promise<StoreConfig> {
  let document: unknown;
  try {
    document = await readDocument(backend, CONFIG);
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT')
      throw new CkptError('ENOENT', `${backend.location} is no store; make one with \`ckptree store init\``, {
        path: backend.location,
      });
    throw error;
  }
  const { format } = (document ?? {}) as { format?: unknown };
  if (typeof format === 'number' && format !== FORMAT_VERSION)
    throw new CkptError(
      'ENOEXEC',
      `the store ${backend.location} has format version ${format}, and this program knows ${FORMAT_VERSION}; use a ckptree that knows it`,
      { path: CONFIG },
    );
  return checkConfig(CONFIG, document);
}
