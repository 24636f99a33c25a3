import { CkptError } from '@ckptree/errors';
import { openChunk } from './chunk.js';
import type { ChunkId } from './content-hash.js';
import type { ManifestSegment, TreeSummary } from './image/manifest.js';
import { PageRuns } from './image/page-runs.js';
import { readRecipes } from './image/read-recipe.js';
import { encodeRecipe, recipeChunks } from './image/recipe.js';
import type { PackId } from './pack/pack-format.js';
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

type UnplacedSegment = StoredPart['segments'][number];

/** The segments of a composition. Its literal bytes are with the writer, which is not flushed. */
export async function composeSegments(
  { pieces }: Composition,
  writer: ChunkWriter,
): Promise<ManifestSegment[]> {
  const stretches = pieceStretches(pieces);
  const literals = stretches.filter((stretch) => stretch instanceof Uint8Array);
  const literalSegments = (await storeLiterals(literals, writer)).values();
  const segments: ManifestSegment[] = [];
  let position = 0;
  for (const stretch of stretches) {
    const { size, recipe } = stretch instanceof Uint8Array ? literalSegments.next().value! : stretch;
    segments.push({ position, size, recipe: [...recipe] });
    position += size;
  }
  return segments;
}

/** What makes a segment each: those of parts, and literals, joined where they follow on each other. */
function pieceStretches(pieces: Composition['pieces']): (UnplacedSegment | Uint8Array)[] {
  const stretches: (UnplacedSegment | Uint8Array)[] = [];
  let literals: Uint8Array[] = [];
  const endLiterals = (): void => {
    const bytes = Buffer.concat(literals);
    for (let at = 0; at < bytes.length; at += SEGMENT_LITERALS)
      stretches.push(bytes.subarray(at, at + SEGMENT_LITERALS));
    literals = [];
  };
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) literals.push(piece);
    else {
      endLiterals();
      checkPart(piece);
      for (const segment of piece.segments) stretches.push(segment);
    }
  }
  endLiterals();
  return stretches;
}

function checkPart(part: StoredPart): void {
  const size = part.segments.reduce((sum, segment) => sum + segment.size, 0);
  if (size !== part.size)
    throw new CkptError(
      'EINVAL',
      `a part of ${part.size} bytes has segments of ${size}; its writer did not say all of them`,
    );
}

async function storeLiterals(
  literals: readonly Uint8Array[],
  writer: ChunkWriter,
): Promise<UnplacedSegment[]> {
  const segments: UnplacedSegment[] = [];
  for (let first = 0, next = 0; first < literals.length; first = next) {
    for (let size = 0; next < literals.length && size < SEGMENT_LITERALS; next++)
      size += literals[next]!.length;
    const group = literals.slice(first, next);
    const recipes = await writer.putRecipes(group.map(literalRecipe));
    for (const [index, recipe] of recipes.entries()) segments.push({ size: group[index]!.length, recipe });
  }
  return segments;
}

const literalRecipe = (literals: Uint8Array): Uint8Array[] =>
  recipeChunks(
    encodeRecipe({ chunks: [], owners: [], batches: [], runs: PageRuns.none, windows: [], literals }),
  );

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
  for await (const { chunks } of readRecipes(context.chunks, segments)) {
    for (const chunk of chunks) secure.want(chunk);
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
