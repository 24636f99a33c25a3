import { CkptError } from '@ckptree/errors';
import { type ChunkId, HASH_SIZE } from '../content-hash.js';
import type { MemoryLayout, PartLayout } from '../image/image-layout.js';
import type { ManifestSegment } from '../image/manifest.js';
import { recipeChunks } from '../image/recipe.js';
import { ahead } from './ahead.js';
import type { ChunkEngine } from './chunk-engine.js';
import type { ChunkWriter } from './chunk-writer.js';
import { FrameTable } from './frame-table.js';
import { Gatherer } from './gatherer.js';
import { imagePieces } from './image-pieces.js';
import { openWindows, slotPages } from './open-window.js';
import { type FreshWindows, PagePlacer, type ReadContent } from './page-placer.js';
import { firstOf, type PageReference, WindowTable } from './page-reference.js';
import { PageSlots } from './page-slots.js';
import type { ParentImage } from './parent-image.js';
import type { SlabPages } from './scan-slab.js';
import { isFullSegment, SegmentBuilder } from './segment-builder.js';
import { SLAB_SIZE, SlabPool } from './slab-pool.js';
import { readPages, type Slabful, slabfuls } from './slabfuls.js';
import type { SpareSlabs } from './spare-slabs.js';
import type { Window, WindowCut } from './window.js';

const NOTHING = new Uint8Array(0);
/** Bytes of image: the recipes of so much, whose pages may each be somewhere else, take 20 MiB. */
const ENDED_SIZE = 4 * 1024 * 1024 * 1024;

export interface PutContext {
  /** Byte positions at which a segment must end, ascending: none reaches across. */
  readonly cuts?: readonly number[];
  readonly writer: ChunkWriter;
  readonly engine: ChunkEngine;
  readonly slabs: SpareSlabs;
  readonly parent: ParentImage;
  /** The content of a chunk of the store. */
  readonly read: ReadContent;
  /** Is given what the next checkpoint will read: the recipes. */
  readonly keep: (id: ChunkId, content: Uint8Array) => void;
  /** Is told how many bytes of the image are done. */
  readonly onProgress?: (bytes: number) => void;
}

/** Windows of pages, and their ids: HASH_SIZE bytes each. */
interface Scanned {
  readonly windows: readonly Window[];
  readonly ids: Uint8Array;
}

interface ScannedSlabful {
  readonly slabful: Slabful;
  /** Absent when there are no pages. */
  readonly pages?: { readonly slab: Uint8Array; readonly scanned: Promise<Scanned> };
}

/**
 * Stores an image, or stretches of one. While one slab of pages is placed, those behind it are read and hashed, and those before it are
 * compressed and written.
 * @returns its segments; all of their chunks are with the writer, which is not flushed
 */
export async function putImage(layout: PartLayout, context: PutContext): Promise<ManifestSegment[]> {
  const put = new ImagePut(layout, context);
  try {
    return await put.run();
  } finally {
    await put.settle();
  }
}

class ImagePut {
  readonly #layout: PartLayout;
  readonly #context: PutContext;
  readonly #gatherer: Gatherer;
  readonly #placer: PagePlacer;
  readonly #slabs: SlabPool;
  readonly #pages = new PageSlots();
  readonly #frames = new FrameTable();
  /** Slabs that are being read and hashed. */
  readonly #scanning = new Set<Promise<unknown>>();
  /** Windows that are being sealed. */
  readonly #sealing = new Set<Promise<void>>();
  #failure: unknown;
  readonly #segments: ManifestSegment[] = [];
  #segment: SegmentBuilder;
  #memory: MemoryLayout | undefined;
  /** Of the segment. */
  #position = 0;
  readonly #cuts: readonly number[];
  #nextCut = 0;
  /** Segments that are whole, but whose last pages may still be gathered with those of the next ones. */
  readonly #ended: { readonly position: number; readonly segment: SegmentBuilder }[] = [];
  #endedSize = 0;
  #endedRead = 0;
  #endedLiterals = 0;
  /** Memories that a later one may be much like, by pid. */
  readonly #references = new Map<number, WindowTable>();

  constructor(layout: PartLayout, context: PutContext) {
    this.#layout = layout;
    this.#context = context;
    this.#cuts = context.cuts ?? [];
    this.#slabs = new SlabPool(SLAB_SIZE, 2 * context.engine.lanes + 1, context.slabs);
    const { writer, parent, engine, slabs } = context;
    this.#segment = new SegmentBuilder(this.#pages);
    this.#gatherer = new Gatherer(writer, this.#pages, engine.lanes, slabs);
    this.#placer = new PagePlacer({
      writer,
      parent,
      slots: this.#pages,
      gatherer: this.#gatherer,
      read: (id) => this.#read(id),
    });
    const parents = new Set(layout.memories.map(({ ppid }) => ppid));
    for (const { owner } of layout.memories)
      if (parents.has(owner.pid)) this.#references.set(owner.pid, new WindowTable(this.#pages));
  }

  async run(): Promise<ManifestSegment[]> {
    for await (const { slabful, pages } of ahead(this.#scannedSlabfuls(), this.#context.engine.lanes)) {
      const windows = pages === undefined ? [] : await this.#place(pages.slab, await pages.scanned);
      await this.#describe(slabful, windows);
    }
    await this.#endSegment();
    await this.#writeRecipes();
    return this.#segments;
  }

  /** Waits until nothing works on the slabs any more. */
  async settle(): Promise<void> {
    await this.#gatherer.settle();
    await Promise.allSettled([...this.#scanning, ...this.#sealing]);
  }

  async *#scannedSlabfuls(): AsyncIterable<ScannedSlabful> {
    for await (const slabful of slabfuls(imagePieces(this.#layout))) {
      this.#layout.check?.();
      if (slabful.cuts.length === 0) {
        yield { slabful };
        continue;
      }
      const slab = await this.#slabs.take();
      // One read after the other: a source may use its memory again.
      const stretches = await readPages(this.#layout, slabful, slab);
      const scanned = this.#scan(slabful.cuts, { slab, stretches });
      this.#scanning.add(scanned);
      scanned.catch(() => undefined).finally(() => this.#scanning.delete(scanned)); // thrown where it is awaited
      yield { slabful, pages: { slab, scanned } };
    }
  }

  async #scan(cuts: readonly WindowCut[], where: Pick<SlabPages, 'slab' | 'stretches'>): Promise<Scanned> {
    const pages = slotPages(cuts, this.#pages, this.#frames);
    const windows = Uint32Array.from(cuts, ({ addresses }) => addresses.length);
    const loose = Uint8Array.from(cuts, ({ isLoose }) => Number(isLoose));
    const scan = await this.#context.engine.scan({ ...where, windows, loose, known: pages.known });
    return { windows: openWindows(cuts, pages, where.slab, scan, this.#pages), ids: scan.ids };
  }

  /** Decides where pages are, one memory after the other, and has those sealed that become chunks as they are. */
  async #place(slab: Uint8Array, { windows, ids }: Scanned): Promise<readonly Window[]> {
    const sealing: Promise<void>[] = [];
    try {
      for (let [start, end] = [0, 0]; start < windows.length; start = end) {
        while (windows[end]?.memory === windows[start]!.memory) end++;
        const own = ids.subarray(start * HASH_SIZE, end * HASH_SIZE);
        const fresh = await this.#placeMemory(windows.slice(start, end), own);
        if (fresh.contents.length > 0) sealing.push(this.#seal(fresh));
      }
    } finally {
      void Promise.all(sealing).then(() => this.#slabs.give(slab));
    }
    return windows;
  }

  /** @param windows of one memory */
  async #placeMemory(windows: readonly Window[], ids: Uint8Array): Promise<FreshWindows> {
    if (this.#failure !== undefined) throw this.#failure;
    const { memory } = windows[0]!;
    if (memory !== this.#memory) {
      this.#memory = memory;
      // So that it can be compared with pages of the one before: where those are must be known.
      await this.#gatherer.settle();
    }
    const reference = memory.kept === undefined ? this.#referenceOf(memory) : undefined;
    const fresh = await this.#placer.place(windows, ids, reference);
    for (const window of windows) this.#references.get(memory.owner.pid)?.add(window);
    return fresh;
  }

  /** Resolves when the contents are not needed for that any more, however it ends. */
  #seal({ contents, ids }: FreshWindows): Promise<void> {
    const sealing: Promise<void> = this.#context.writer
      .add(contents, ids)
      .catch((error: unknown) => {
        this.#failure ??= error; // thrown at the next memory, or at the end of the segment
      })
      .finally(() => this.#sealing.delete(sealing));
    this.#sealing.add(sealing);
    return sealing;
  }

  /** Enters pieces in recipes. @param windows of all their pages */
  async #describe({ pieces }: Slabful, windows: readonly Window[]): Promise<void> {
    const next = windows.values();
    for (const piece of pieces)
      if (piece.kind === 'literal') await this.#addLiteral(piece.bytes);
      else if (piece.kind === 'batch') {
        await this.#addLiteral(NOTHING); // a cut may be just here
        // Only between batches: the pages of one are described in one piece.
        if (this.#segment.isFull) await this.#endSegment();
        this.#segment.beginBatch(piece);
      } else for (const _ of piece.cuts) this.#segment.addWindow(next.next().value!);
    this.#context.onProgress?.(this.#position + this.#segment.size);
  }

  /** The memory that a task had in the checkpoint before, or that of the task that it was forked from. */
  #referenceOf({ ppid, owner }: MemoryLayout): PageReference | undefined {
    const { byPid } = this.#context.parent.pages;
    const own = byPid.get(owner.pid);
    if (own !== undefined || ppid === owner.pid) return own;
    // Pages that it kept from the checkpoint before are in none of its windows.
    return firstOf(this.#references.get(ppid), byPid.get(ppid));
  }

  /** Ends segments at the cuts within. */
  async #addLiteral(bytes: Uint8Array): Promise<void> {
    let from = 0;
    for (;;) {
      const position = this.#position + this.#segment.size;
      const cut = this.#cuts[this.#nextCut];
      if (cut === undefined || cut > position + bytes.length - from) break;
      if (cut < position) throw new CkptError('EINVAL', `a part may not end at byte ${cut}, among pages`);
      this.#segment.addLiteral(bytes.subarray(from, from + cut - position));
      from += cut - position;
      this.#nextCut++;
      await this.#endSegment();
    }
    this.#segment.addLiteral(bytes.subarray(from));
  }

  async #endSegment(): Promise<void> {
    if (this.#segment.size === 0) return;
    this.#ended.push({ position: this.#position, segment: this.#segment });
    this.#position += this.#segment.size;
    this.#endedSize += this.#segment.size;
    this.#endedRead += this.#segment.readSize;
    this.#endedLiterals += this.#segment.literalsSize;
    this.#segment = new SegmentBuilder(this.#pages);
    // Those that bring little wait for each other, so that their single pages share chunks, and their recipes one trip.
    const isMuch = isFullSegment(this.#endedRead, this.#endedLiterals) || this.#endedSize >= ENDED_SIZE;
    if (isMuch) await this.#writeRecipes();
  }

  async #writeRecipes(): Promise<void> {
    await this.#gatherer.flush();
    await this.#allSealed();
    const ended = this.#ended.splice(0);
    this.#endedSize = 0;
    this.#endedRead = 0;
    this.#endedLiterals = 0;
    const contents = ended.map(({ segment }) => recipeChunks(segment.finish()));
    const recipes = await this.#context.writer.putRecipes(contents);
    for (const [index, { position, segment }] of ended.entries()) {
      const recipe = recipes[index]!;
      for (const [chunk, id] of recipe.entries()) this.#context.keep(id, contents[index]![chunk]!);
      this.#segments.push({ position, size: segment.size, recipe });
    }
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
