import type { ImageLayout, MemoryLayout } from '../image/image-layout.js';
import type { ManifestSegment } from '../image/manifest.js';
import { ahead } from './ahead.js';
import type { ChunkEngine } from './chunk-engine.js';
import type { ChunkWriter } from './chunk-writer.js';
import { FrameTable } from './frame-table.js';
import { type ImagePiece, imagePieces } from './image-pieces.js';
import { PagePlacer, type ReadContent } from './page-placer.js';
import { type ParentPages, WindowTable } from './page-reference.js';
import { SegmentBuilder } from './segment-builder.js';
import { SLAB_SIZE, SlabPool } from './slab-pool.js';
import type { Window } from './window.js';

/** Bytes of one chunk of a recipe. */
const RECIPE_CHUNK = 1024 * 1024;

export interface PutContext {
  readonly writer: ChunkWriter;
  readonly engine: ChunkEngine;
  readonly parent: ParentPages;
  /** The content of a chunk of the store. */
  readonly read: ReadContent;
  /** Is told how many bytes of the image are done. */
  readonly onProgress?: (bytes: number) => void;
}

type Hashed =
  | Exclude<ImagePiece, { kind: 'pages' }>
  | (Extract<ImagePiece, { kind: 'pages' }> & { ids: Promise<Uint8Array> });

/**
 * Stores an image. While one slab of pages is placed, those behind it are read and hashed, and those before it are
 * compressed and written.
 * @returns its segments; all of their chunks are with the writer, which is not flushed
 */
export async function putImage(layout: ImageLayout, context: PutContext): Promise<ManifestSegment[]> {
  const put = new ImagePut(layout, context);
  try {
    return await put.run();
  } finally {
    await put.settle();
  }
}

class ImagePut {
  readonly #layout: ImageLayout;
  readonly #context: PutContext;
  readonly #placer: PagePlacer;
  readonly #slabs: SlabPool;
  /** Slabs that are being sealed. */
  readonly #sealing = new Set<Promise<void>>();
  #failure: unknown;
  readonly #segments: ManifestSegment[] = [];
  #segment = new SegmentBuilder();
  #position = 0;
  /** Memories that a later one may be much like, by pid. */
  readonly #references = new Map<number, WindowTable>();

  constructor(layout: ImageLayout, context: PutContext) {
    this.#layout = layout;
    this.#context = context;
    this.#slabs = new SlabPool(SLAB_SIZE, 3 * context.engine.lanes + 1);
    this.#placer = new PagePlacer(context.writer, context.parent, (id) => this.#read(id));
    const parents = new Set(layout.memories.map(({ ppid }) => ppid));
    for (const { owner } of layout.memories)
      if (parents.has(owner.pid)) this.#references.set(owner.pid, new WindowTable());
  }

  async run(): Promise<ManifestSegment[]> {
    for await (const piece of ahead(this.#pieces(), this.#context.engine.lanes)) {
      if (piece.kind === 'literal') this.#segment.addLiteral(piece.bytes);
      else if (piece.kind === 'batch') {
        // Only between batches: the pages of one are described in one piece.
        if (this.#segment.isFull) await this.#endSegment();
        this.#segment.beginBatch(piece.memory, piece.pages);
      } else await this.#place(piece.slab, piece.windows, await piece.ids);
    }
    await this.#endSegment();
    return this.#segments;
  }

  /** Waits until nothing works on the slabs any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#sealing);
  }

  async *#pieces(): AsyncIterable<Hashed> {
    const { engine } = this.#context;
    for await (const piece of imagePieces(this.#layout, new FrameTable(), () => this.#slabs.take())) {
      if (piece.kind !== 'pages') {
        yield piece;
        continue;
      }
      const ranges = Uint32Array.from(piece.windows.flatMap(({ start, end }) => [start, end]));
      const ids = engine.digest(piece.slab, ranges);
      ids.catch(() => undefined); // thrown again where it is awaited
      yield { ...piece, ids };
    }
  }

  async #place(slab: Uint8Array, windows: readonly Window[], ids: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { parent, writer, onProgress } = this.#context;
    const { memory } = windows[0]!;
    const reference = parent.byPid.get(memory.owner.pid) ?? this.#forkedFrom(memory);
    const fresh = await this.#placer.place(slab, windows, ids, reference);
    for (const window of windows) {
      this.#segment.addWindow(window);
      this.#references.get(memory.owner.pid)?.add(window);
    }
    const sealing: Promise<void> = writer
      .add(slab, fresh.ranges, fresh.ids)
      .catch((error: unknown) => {
        this.#failure ??= error; // thrown at the next slab, or at the end of the segment
      })
      .finally(() => {
        this.#sealing.delete(sealing);
        this.#slabs.give(slab);
      });
    this.#sealing.add(sealing);
    onProgress?.(this.#position + this.#segment.size);
  }

  #forkedFrom({ ppid, owner }: MemoryLayout): WindowTable | undefined {
    return ppid === owner.pid ? undefined : this.#references.get(ppid);
  }

  async #endSegment(): Promise<void> {
    await this.#placer.flush();
    await this.#allSealed();
    const recipe = this.#segment.finish();
    const ids: string[] = [];
    for (let at = 0; at < recipe.length; at += RECIPE_CHUNK)
      ids.push(await this.#context.writer.put(recipe.subarray(at, at + RECIPE_CHUNK)));
    this.#segments.push({ position: this.#position, size: this.#segment.size, recipe: ids });
    this.#position += this.#segment.size;
    this.#segment = new SegmentBuilder();
  }

  async #allSealed(): Promise<void> {
    await Promise.all(this.#sealing);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** A chunk may still be on its way to its pack. */
  async #read(id: string): Promise<Uint8Array | undefined> {
    const known = await this.#context.read(id);
    if (known !== undefined) return known;
    await this.#allSealed();
    return this.#context.read(id);
  }
}
