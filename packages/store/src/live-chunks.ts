import { CkptError, isCkptError } from '@ckptree/errors';
import { objectExists } from './backend/object-backend.js';
import { IdSet } from './id-set.js';
import { listManifestIds, manifestName, readManifest } from './image/manifest.js';
import { readRecipes } from './image/read-recipe.js';
import type { StoreContext } from './store-context.js';

/**
 * Every chunk that a checkpoint needs.
 * @throws EIO, EBADMSG, E2BIG a manifest or recipe cannot be read, so that nobody knows what it needs
 */
export async function liveChunks(
  { backend, chunks, documentKey }: StoreContext,
  signal?: AbortSignal,
): Promise<IdSet> {
  const live = new IdSet();
  /** Recipes that were read. Not by their chunks in `live`: a page may have the bytes of a recipe, and is none. */
  const read = new Set<string>();
  for (const id of await listManifestIds(backend)) {
    try {
      const { segments } = await readManifest(backend, id, documentKey);
      // Checkpoints that have a recipe in common have all that it names in common.
      const fresh = segments.filter(({ recipe }) => !read.has(recipe.join('')));
      for (const chunk of fresh.flatMap(({ recipe }) => recipe)) live.add(chunk);
      for await (const recipe of readRecipes(chunks, fresh)) {
        signal?.throwIfAborted();
        for (const chunk of recipe.chunks) live.add(chunk);
      }
      for (const { recipe } of fresh) read.add(recipe.join(''));
    } catch (error) {
      signal?.throwIfAborted();
      if (await isForgotten(error, id, { backend })) continue;
      const { code, message } = error as CkptError;
      throw new CkptError(
        code ?? 'EIO',
        `checkpoint ${id} cannot be read, so nobody can tell what it needs (${message}); see \`ckptree store verify\``,
        {},
        error,
      );
    }
  }
  return live;
}

/** Somebody forgot it while we were reading; a collector may have given up its chunks since. */
async function isForgotten(
  error: unknown,
  id: string,
  { backend }: Pick<StoreContext, 'backend'>,
): Promise<boolean> {
  return isCkptError(error) && !(await objectExists(backend, manifestName(id)));
}
