import { asCkptError, CkptError } from '@ckptree/errors';
import { objectExists } from './backend/object-backend.js';
import { isDamage, isGone, isUnreadable } from './faults.js';
import {
  isManifestId,
  listManifestIds,
  type Manifest,
  manifestName,
  readManifest,
} from './image/manifest.js';
import type { StoreContext } from './store-context.js';

/** Says so much of an id that it is no name: the date and some of the time, or all of the random part. */
const NO_NAME = /^(?:[0-9]{8}t[0-9]*(?:-[0-9a-f]*)?|[0-9a-f]{8})$/;

/** Manifests that are read at once, at most, by who looks for a name: the first ones are most likely to have it. */
const LANES = 32;

/** Of so many ids that may be meant, so many are named. */
const SHOWN = 5;

/** What a checkpoint is whose manifest cannot be read nobody knows. */
export interface Unreadable {
  readonly id: string;
  readonly error: unknown;
}

/** See Store.resolve(). */
export async function findCheckpoint(context: StoreContext, text: string): Promise<Manifest> {
  const { backend } = context;
  if (isManifestId(text) && (await objectExists(backend, manifestName(text)))) return asked(context, text);
  const ids = await listManifestIds(backend);
  const matching =
    text === '' ? [] : ids.filter((id) => id.startsWith(text) || id.split('-')[1]!.startsWith(text));
  if (matching.length === 1 && NO_NAME.test(text)) return asked(context, matching[0]!);
  const { named, unreadable } = await newestNamed(context, text);
  if (named === undefined && matching.length === 1) return asked(context, matching[0]!);
  if (named === undefined && matching.length > 1) {
    const [shown, more] = [matching.slice(0, SHOWN), matching.length - SHOWN];
    const others = more > 0 ? ` and ${more} more` : '';
    throw new CkptError('EINVAL', `${text} may mean ${shown.join(', ')}${others}; say more of the id`);
  }
  if (unreadable !== undefined)
    throw notToBeRead(`${text} may mean checkpoint ${unreadable.id}, which`, unreadable);
  if (named === undefined)
    throw new CkptError(
      'ENOENT',
      `the store has no checkpoint ${text}; \`ckptree ls\` shows those that it has`,
    );
  return named;
}

/** The newest checkpoint of a name, and of those that are newer and cannot be read, so that nobody knows their names, the newest. */
export async function newestNamed(
  context: StoreContext,
  name: string | undefined,
): Promise<{ readonly named?: Manifest; readonly unreadable?: Unreadable }> {
  if (name === undefined) return {};
  const ids = (await listManifestIds(context.backend, true)).reverse();
  let unreadable: Unreadable | undefined;
  for (let at = 0, count = 1; at < ids.length; at += count, count = Math.min(2 * count, LANES)) {
    const found = await Promise.all(ids.slice(at, at + count).map((id) => looked(context, id)));
    for (const one of found) {
      if (one === undefined) continue;
      if ('error' in one) unreadable ??= one;
      else if (one.name === name) return { named: one, ...(unreadable && { unreadable }) };
    }
  }
  return { ...(unreadable && { unreadable }) };
}

/** That of a checkpoint which somebody asked for. */
async function asked(context: StoreContext, id: string): Promise<Manifest> {
  try {
    return await manifestOf(context, id);
  } catch (error) {
    throw isUnreadable(error) ? notToBeRead(`checkpoint ${id}`, { id, error }) : error;
  }
}

/** undefined when it was just forgotten. */
async function looked(context: StoreContext, id: string): Promise<Manifest | Unreadable | undefined> {
  try {
    return await manifestOf(context, id);
  } catch (error) {
    if (isUnreadable(error)) return { id, error };
    if (isGone(error)) return undefined;
    throw error;
  }
}

const manifestOf = ({ backend, documentKey }: StoreContext, id: string): Promise<Manifest> =>
  readManifest(backend, id, documentKey);

/** @param who is that checkpoint: the subject of the sentence */
function notToBeRead(who: string, { id, error }: Unreadable): CkptError {
  const { code, message } = asCkptError(error);
  const help = isDamage(error)
    ? '`ckptree store verify` on its folder tells more, and `ckptree store repair` takes it out'
    : 'say by an id which one is meant';
  return new CkptError(code, `${who} cannot be read: ${message}; ${help}`, { path: manifestName(id) }, error);
}
