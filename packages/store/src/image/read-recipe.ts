import { CkptError } from '@ckptree/errors';
import type { ChunkReader } from '../chunk-reader.js';
import type { ManifestSegment } from './manifest.js';
import { decodeRecipe, type Recipe, recipeSize } from './recipe.js';

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
  for (const id of segment.recipe) parts.push(await chunks.content(id));
  const recipe = decodeRecipe(Buffer.concat(parts));
  if (recipeSize(recipe) !== segment.size)
    throw new CkptError(
      'EBADMSG',
      `the recipe of the image from byte ${segment.position} on is for another size`,
    );
  return recipe;
}
