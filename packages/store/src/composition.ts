import { CkptError } from '@ckptree/errors';
import { openChunk } from './chunk.js';
import type { ChunkId } from './content-hash.js';
import type { ManifestSegment, TreeSummary } from './image/manifest.js';
import { encodeRecipe } from './image/recipe.js';
import { readRecipe } from './image/stored-image.js';
import type { PackId } from './pack/pack-format.js';
import { ahead } from './put/ahead.js';
import type { ChunkWriter } from './put/chunk-writer.js';
import { SEGMENT_LITERALS } from './put/segment-builder.js';
import type { StoreContext } from './store-context.js';

/** A stretch of an image that is in the store: what its writer hands to whoever composes the image. Plain data. */
export interface StoredPart {
  /** Bytes of the stretch. */
  readonly size: number;
  /** In order; together they are the stretch. */
  readonly segments: readonly Omit<ManifestSegment, 'position'>[];
}

/** What writers added to the store, in bytes: contents that it had not, and what they take in packs. */
export interface AddedSizes {
  readonly new: number;
  readonly stored: number;
}

/**
 * An image of parts that several writers stored. The same composition makes the same manifest, so that it may be
 * committed again by whoever does not know whether it was.
 */
export interface Composition {
  /** As newManifestId() makes it. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly durationMs: number;
  readonly tree: TreeSummary;
  /** The whole image, in order: what a writer stored, and bytes that hold no pages (head, tail, records). */
  readonly pieces: readonly (StoredPart | Uint8Array)[];
  /** Of the writers of the parts, together. */
  readonly added: AddedSizes;
}

/** The segments of a composition. Its literal bytes are with the writer, which is not flushed. */
export async function composeSegments(
  { pieces }: Composition,
  writer: ChunkWriter,
): Promise<ManifestSegment[]> {
  const segments: ManifestSegment[] = [];
  let position = 0;
  const add = (segment: Omit<ManifestSegment, 'position'>): void => {
    const { size, recipe } = segment;
    segments.push({ position, size, recipe: [...recipe] });
    position += size;
  };
  for (const piece of joinLiterals(pieces)) {
    if (!(piece instanceof Uint8Array)) checkPart(piece).segments.forEach(add);
    else
      for (let at = 0; at < piece.length; at += SEGMENT_LITERALS)
        add(await literalSegment(piece.subarray(at, at + SEGMENT_LITERALS), writer));
  }
  return segments;
}

/** Literals that follow on each other as one. */
function joinLiterals(pieces: Composition['pieces']): Composition['pieces'] {
  const joined: (StoredPart | Uint8Array[])[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (!(piece instanceof Uint8Array)) joined.push(piece);
    else if (Array.isArray(last)) last.push(piece);
    else joined.push([piece]);
  }
  return joined.map((piece) => (Array.isArray(piece) ? Buffer.concat(piece) : piece));
}

function checkPart(part: StoredPart): StoredPart {
  const size = part.segments.reduce((sum, segment) => sum + segment.size, 0);
  if (size !== part.size)
    throw new CkptError(
      'EINVAL',
      `a part of ${part.size} bytes has segments of ${size}; its writer did not say all of them`,
    );
  return part;
}

async function literalSegment(
  literals: Uint8Array,
  writer: ChunkWriter,
): Promise<Omit<ManifestSegment, 'position'>> {
  const recipe = encodeRecipe({ chunks: [], owners: [], batches: [], runs: [], windows: [], literals });
  return { size: literals.length, recipe: await writer.putRecipe(recipe) };
}

/** Recipes that are read at once. */
const RECIPES_AHEAD = 4;
/** Lookups under way at once; they go to the index, which may be far away. */
const LOOKUPS = 64;

/**
 * Sees to it that every chunk that segments need is there to stay, whoever wrote it, and whatever became of its writer.
 * What is only in packs that were given up before our lease was there is copied: their collector may not wait for us.
 * @param condemned packs that were marked when our lease was there (docs/store.md)
 * @throws EIO a chunk is missing or damaged; EBADMSG a recipe is not sound
 */
export async function secureSegments(
  context: StoreContext,
  segments: readonly ManifestSegment[],
  condemned: ReadonlySet<PackId>,
  writer: ChunkWriter,
): Promise<void> {
  await writer.flush();
  await context.index.refresh();
  const secure = new ChunkGuard(context, condemned, writer);
  for (const recipe of new Set(segments.flatMap((segment) => segment.recipe))) secure.want(recipe);
  await secure.run();
  const recipes = (async function* () {
    for (const segment of segments) {
      const recipe = readRecipe(context.chunks, segment);
      recipe.catch(() => undefined); // thrown where it is awaited
      yield { recipe };
    }
  })();
  for await (const { recipe } of ahead(recipes, RECIPES_AHEAD)) {
    for (const chunk of (await recipe).chunks) secure.want(chunk);
    await secure.run();
  }
  await writer.flush();
}

/** Looks up chunks, each once, and copies those that would not stay. */
class ChunkGuard {
  readonly #context: StoreContext;
  readonly #condemned: ReadonlySet<PackId>;
  readonly #writer: ChunkWriter;
  readonly #seen = new Set<ChunkId>();
  #wanted: ChunkId[] = [];

  constructor(context: StoreContext, condemned: ReadonlySet<PackId>, writer: ChunkWriter) {
    this.#context = context;
    this.#condemned = condemned;
    this.#writer = writer;
  }

  want(id: ChunkId): void {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#wanted.push(id);
  }

  async run(): Promise<void> {
    // In order, so that neighbours in the index are read together.
    const wanted = this.#wanted.sort();
    this.#wanted = [];
    for (let at = 0; at < wanted.length; at += LOOKUPS)
      await Promise.all(wanted.slice(at, at + LOOKUPS).map((id) => this.#secure(id)));
  }

  async #secure(id: ChunkId): Promise<void> {
    const { index, chunks, settings } = this.#context;
    if (this.#writer.isComing(id) || (await index.findStaying(id, this.#condemned)) !== undefined) return;
    const record = await chunks.record(id);
    openChunk(settings, id, record); // a copy must not pass damage on as if it were sound
    await this.#writer.addRecord(record);
  }
}
