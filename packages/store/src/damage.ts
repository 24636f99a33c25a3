import { asCkptError, CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import { objectExists } from './backend/object-backend.js';
import { isOutOfReach, isUnreadable } from './faults.js';
import type { IdSet } from './id-set.js';
import { type Manifest, manifestName, readManifest } from './image/manifest.js';
import { ZERO_PAGES } from './image/page-runs.js';
import { readRecipe } from './image/read-recipe.js';
import { type Owner, type Recipe, runsOf } from './image/recipe.js';
import type { StoreContext } from './store-context.js';

/** Pages of a task that are lost. */
export interface LostRange extends Owner {
  /** Addresses; `end` is behind the last. */
  readonly start: number;
  readonly end: number;
}

/** What is wrong with a checkpoint, and what is left of it. */
export interface CheckpointDamage {
  readonly id: string;
  readonly name?: string;
  /** Why none of it can be read; then the rest is empty. */
  readonly error?: string;
  readonly lost: readonly LostRange[];
  /** Stretches of the image whose records are lost, pages and all. */
  readonly lostSegments: readonly {
    readonly position: number;
    readonly size: number;
    readonly error: string;
  }[];
  /** Tasks whose memory is whole; `ckptree core` can take them out. */
  readonly wholeTasks: readonly Owner[];
}

/** @param sound chunks that can be had. @returns undefined when the checkpoint is whole, or was just forgotten */
export async function checkpointDamage(
  { backend, chunks, documentKey }: StoreContext,
  id: string,
  sound: IdSet,
): Promise<CheckpointDamage | undefined> {
  let manifest: Manifest;
  try {
    manifest = await readManifest(backend, id, documentKey);
  } catch (error) {
    const { code, message } = asCkptError(error);
    if (code === 'ENOENT') return undefined;
    if (!isUnreadable(error)) throw error;
    return { id, error: message, lost: [], lostSegments: [], wholeTasks: [] };
  }
  const lost: LostRange[] = [];
  const owners = new Map<number, Owner>();
  const lostSegments: { position: number; size: number; error: string }[] = [];
  for (const segment of manifest.segments) {
    const { position, size } = segment;
    try {
      const missing = segment.recipe.find((chunk) => !sound.has(chunk));
      if (missing !== undefined)
        throw new CkptError('EIO', `its recipe, chunk ${missing}, is damaged or missing`);
      const recipe = await readRecipe(chunks, segment);
      for (const owner of recipe.owners) owners.set(owner.pid, owner);
      for (const range of lostRanges(recipe, sound)) lost.push(range);
    } catch (error) {
      if (!isOutOfReach(error)) throw error;
      lostSegments.push({ position, size, error: asCkptError(error).message });
    }
  }
  if (lost.length === 0 && lostSegments.length === 0) return undefined;
  // Its chunks may be gone because it was forgotten, and collected.
  if (!(await objectExists(backend, manifestName(id)))) return undefined;
  const hit = new Set(lost.map(({ pid }) => pid));
  return {
    id,
    ...(manifest.name !== undefined && { name: manifest.name }),
    lost,
    lostSegments,
    wholeTasks: [...owners.values()].filter(({ pid }) => !hit.has(pid)),
  };
}

function lostRanges(recipe: Recipe, sound: IdSet): LostRange[] {
  const isLost = recipe.chunks.map((chunk) => !sound.has(chunk));
  const ranges: LostRange[] = [];
  for (const batch of recipe.batches) {
    const owner = recipe.owners[batch.owner]!;
    for (const { address, chunk, pages } of runsOf(recipe, batch)) {
      if (chunk === ZERO_PAGES || !isLost[chunk]) continue;
      const last = ranges.at(-1);
      const end = address + pages * PAGE_SIZE;
      if (last !== undefined && last.end === address && last.pid === owner.pid)
        ranges[ranges.length - 1] = { ...last, end };
      else ranges.push({ ...owner, start: address, end });
    }
  }
  return ranges;
}
