import { CkptError } from '@ckptree/errors';
import type { ChunkReader } from '../chunk-reader.js';
import type { ManifestSegment } from './manifest.js';
import { decodeRecipe, type Recipe, recipeSize } from './recipe.js';

/**
 * Bytes of a recipe. A writer ends a segment at 256 MiB of image or 4 MiB of literals, if only a batch ends there: those of 32 GiB
 * fit. A manifest that names one chunk a million times does not.
 */
const RECIPE_LIMIT = 256 * 1024 * 1024;
/** Segments whose recipes are fetched together. */
const SEGMENTS_AT_ONCE = 256;

/** The recipes of segments, in order. An image of many small ones is read in few trips. @throws as readRecipe() */
export async function* readRecipes(
  chunks: ChunkReader,
  segments: readonly ManifestSegment[],
): AsyncIterable<Recipe> {
  for (let at = 0; at < segments.length; at += SEGMENTS_AT_ONCE) {
    const group = segments.slice(at, at + SEGMENTS_AT_ONCE);
    await chunks.fetch(group.flatMap(({ recipe }) => recipe));
    for (const segment of group) yield await readRecipe(chunks, segment);
  }
}

/** The recipe of a segment, whole. @throws EIO, EBADMSG it is damaged or missing */
export async function readRecipe(chunks: ChunkReader, segment: ManifestSegment): Promise<Recipe> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const id of segment.recipe) {
    const part = await chunks.content(id);
    size += part.length;
    if (size > RECIPE_LIMIT)
      throw new CkptError(
        'EBADMSG',
        `the recipe of the image from byte ${segment.position} on has more than the ${RECIPE_LIMIT} bytes it may have`,
      );
    parts.push(part);
  }
  const recipe = decodeRecipe(Buffer.concat(parts));
  if (recipeSize(recipe) !== segment.size)
    throw new CkptError(
      'EBADMSG',
      `the recipe of the image from byte ${segment.position} on is for another size`,
    );
  return recipe;
}
