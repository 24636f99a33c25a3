import { CkptError } from '@ckptree/errors';
import { BATCH_PAGES, batchSize } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { CHUNK_SIZE_LIMIT } from '../chunk.js';
import { type ChunkId, HASH_SIZE, hexId } from '../content-hash.js';
import { type PageRun, PageRuns, RUN_SIZE, type RunRange, ZERO_PAGES } from './page-runs.js';

/**
 * The recipe of a segment: a stretch of an image as its records without page contents, and where the pages are.
 * Stored as chunks, so that equal recipes are stored once. Numbers are little-endian.
 *
 *     "ckptrcpe" version(4) chunks(4) owners(4) batches(4) runs(4) windows(4) literals(4) zero(4)   header, 40 bytes
 *     chunk id(32) ...
 *     pid(4) comm(16) incarnation(16) epoch(4) ...          owners: the tasks that the pages belong to
 *     literals before(4) owner(4) runs(4) ...               batches
 *     address(f64) ... chunk(4) ... first page(4) ... pages(4) ...   runs, by column: they compress well so
 *     identity(16) first run(4) runs(4) ...                 windows
 *     literal bytes
 *
 * A batch is PGARR, the header of its BUFFER, the addresses and the pages; all but the pages follow from its runs.
 * A run is `pages` pages from `address` up that stand one behind the other in a chunk from page `first` on.
 */
export interface Recipe {
  readonly chunks: readonly ChunkId[];
  readonly owners: readonly Owner[];
  readonly batches: readonly RecipeBatch[];
  readonly runs: PageRuns;
  readonly windows: readonly RecipeWindow[];
  readonly literals: Uint8Array;
}

/** The first task that uses the address space. */
export interface Owner {
  readonly pid: number;
  readonly comm: string;
  /** What its memory was, as the source of the image calls it; the next checkpoint asks for it by that. */
  readonly version?: MemoryVersion;
}

/** The same version is always the same content. See `MemoryVersions` of the model. */
export interface MemoryVersion {
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  readonly epoch: number;
}

export interface RecipeBatch {
  /** Literal bytes of the segment that come before it. */
  readonly literalsBefore: number;
  /** Index into `owners`. */
  readonly owner: number;
  /** Its runs, as indexes; they follow on those of the batch before. */
  readonly firstRun: number;
  readonly runs: number;
}

/** A window of pages that is spread over several chunks, by what is in it: the next checkpoint finds it again by that. */
export interface RecipeWindow {
  /** 16 bytes in hexadecimal. */
  readonly identity: string;
  readonly firstRun: number;
  readonly runs: number;
}

const MAGIC = Buffer.from('ckptrcpe', 'latin1');
/** Version 1 has no memory versions in its owners. */
const VERSION = 2;
const VERSIONS: readonly number[] = [1, VERSION];
const HEADER_SIZE = 40;
const COMM_SIZE = 16;
const INCARNATION_SIZE = 16;
const OWNER_SIZES = { 1: 4 + COMM_SIZE, 2: 4 + COMM_SIZE + INCARNATION_SIZE + 4 } as const;
const BATCH_SIZE = 12;
const IDENTITY_SIZE = 16;
const WINDOW_SIZE = IDENTITY_SIZE + 8;

export const runsOf = ({ runs }: Recipe, range: RunRange): readonly PageRun[] => runs.slice(range);

export const pagesOf = (runs: readonly PageRun[]): number => runs.reduce((sum, { pages }) => sum + pages, 0);

/** Bytes of the stretch of the image that a recipe describes. */
export const recipeSize = (recipe: Recipe): number =>
  recipe.batches.reduce((sum, batch) => sum + batchSize(recipe.runs.pagesIn(batch)), recipe.literals.length);

export function encodeRecipe({ chunks, owners, batches, runs, windows, literals }: Recipe): Buffer {
  const sizes = [chunks.length, owners.length, batches.length, runs.length, windows.length, literals.length];
  const bytes = Buffer.alloc(HEADER_SIZE + tableSize(sizes, VERSION) + literals.length);
  let at = MAGIC.copy(bytes);
  const u32 = (value: number): void => {
    at = bytes.writeUInt32LE(value, at);
  };
  for (const value of [VERSION, ...sizes, 0]) u32(value);
  for (const id of chunks) at += bytes.write(id, at, 'hex');
  for (const { pid, comm, version } of owners) {
    at = bytes.writeInt32LE(pid, at);
    bytes.write(comm, at, COMM_SIZE, 'utf8');
    at += COMM_SIZE;
    // Zeros when there is none.
    bytes.write(version?.incarnation ?? '', at, INCARNATION_SIZE, 'hex');
    at += INCARNATION_SIZE;
    u32(version?.epoch ?? 0);
  }
  for (const { literalsBefore, owner, runs: count } of batches)
    for (const value of [literalsBefore, owner, count]) u32(value);
  at = runs.encode(bytes, at);
  for (const { identity, firstRun, runs: count } of windows) {
    at += bytes.write(identity, at, 'hex');
    u32(firstRun);
    u32(count);
  }
  bytes.set(literals, at);
  return bytes;
}

/** Bytes of one chunk of a recipe. */
export const RECIPE_CHUNK = 1024 * 1024;

/** An encoded recipe as the contents of the chunks that hold it. */
export function recipeChunks(recipe: Uint8Array): Uint8Array[] {
  const contents: Uint8Array[] = [];
  for (let at = 0; at < recipe.length; at += RECIPE_CHUNK)
    contents.push(recipe.subarray(at, at + RECIPE_CHUNK));
  return contents;
}

function tableSize(sizes: readonly number[], version: number): number {
  const units = [HASH_SIZE, ownerSize(version), BATCH_SIZE, RUN_SIZE, WINDOW_SIZE];
  return units.reduce((sum, unit, index) => sum + unit * sizes[index]!, 0);
}

/** @throws EBADMSG it is no recipe that this version can read */
export function decodeRecipe(bytes: Buffer): Recipe {
  if (bytes.length < HEADER_SIZE || !bytes.subarray(0, 8).equals(MAGIC)) throw unsound('its header');
  const version = bytes.readUInt32LE(8);
  if (!VERSIONS.includes(version)) throw unsound('its header');
  const sizes = [12, 16, 20, 24, 28, 32].map((at) => bytes.readUInt32LE(at));
  // Checked before anything is allocated by these numbers.
  if (HEADER_SIZE + tableSize(sizes, version) + sizes[5]! !== bytes.length) throw unsound('its counts');
  const recipe = decodeTables(bytes, sizes, version);
  checkRecipe(recipe);
  return recipe;
}

function decodeTables(bytes: Buffer, sizes: readonly number[], version: number): Recipe {
  const [chunks, owners, batches, runs, windows] = sizes as [number, number, number, number, number];
  let at = HEADER_SIZE;
  const table = <T>(count: number, unit: number, read: (position: number) => T): T[] => {
    const rows = Array.from({ length: count }, (_, index) => read(at + index * unit));
    at += count * unit;
    return rows;
  };
  const u32 = (position: number): number => bytes.readUInt32LE(position);
  const chunkIds = table(chunks, HASH_SIZE, (p) => hexId(bytes.subarray(p, p + HASH_SIZE)));
  const ownerRows = table(owners, ownerSize(version), (p) => ({
    pid: bytes.readInt32LE(p),
    comm: readComm(bytes, p + 4),
    ...(version > 1 && readMemoryVersion(bytes, p + 4 + COMM_SIZE)),
  }));
  let firstRun = 0;
  const batchRows = table(batches, BATCH_SIZE, (p) => {
    const batch = { literalsBefore: u32(p), owner: u32(p + 4), firstRun, runs: u32(p + 8) };
    firstRun += batch.runs;
    return batch;
  });
  const runTable = PageRuns.decode(bytes, at, runs);
  at += runs * RUN_SIZE;
  const windowRows = table(windows, WINDOW_SIZE, (p) => ({
    identity: bytes.toString('hex', p, p + IDENTITY_SIZE),
    firstRun: u32(p + IDENTITY_SIZE),
    runs: u32(p + IDENTITY_SIZE + 4),
  }));
  return {
    chunks: chunkIds,
    owners: ownerRows,
    batches: batchRows,
    runs: runTable,
    windows: windowRows,
    literals: bytes.subarray(at),
  };
}

function readComm(bytes: Buffer, at: number): string {
  const text = bytes.subarray(at, at + COMM_SIZE);
  const end = text.indexOf(0);
  return text.toString('utf8', 0, end === -1 ? COMM_SIZE : end);
}

function readMemoryVersion(bytes: Buffer, at: number): Pick<Owner, 'version'> {
  const incarnation = bytes.toString('hex', at, at + INCARNATION_SIZE);
  const epoch = bytes.readUInt32LE(at + INCARNATION_SIZE);
  return /^0+$/.test(incarnation) ? {} : { version: { incarnation, epoch } };
}

const ownerSize = (version: number): number => (version === 1 ? OWNER_SIZES[1] : OWNER_SIZES[2]);

function checkRecipe({ chunks, owners, batches, runs, windows, literals }: Recipe): void {
  checkRuns(runs, chunks.length);
  let literalsDone = 0;
  let runsDone = 0;
  for (const batch of batches) {
    const { literalsBefore, owner, runs: count } = batch;
    runsDone += count;
    if (literalsBefore < literalsDone || literalsBefore > literals.length || owner >= owners.length)
      throw unsound('a batch');
    if (runsDone > runs.length) throw unsound('a batch');
    const pages = runs.pagesIn(batch);
    if (pages < 1 || pages > BATCH_PAGES) throw unsound('the pages of a batch');
    literalsDone = literalsBefore;
  }
  if (runsDone !== runs.length) throw unsound('the number of its runs');
  if (windows.some((window) => window.firstRun + window.runs > runs.length)) throw unsound('a window');
}

function checkRuns({ addresses, chunks, firstPages, pages }: PageRuns, chunkCount: number): void {
  const limit = CHUNK_SIZE_LIMIT / PAGE_SIZE;
  for (let run = 0; run < pages.length; run++) {
    const address = addresses[run]!;
    const chunk = chunks[run]!;
    const inChunk = chunk === ZERO_PAGES || (chunk < chunkCount && firstPages[run]! + pages[run]! <= limit);
    const isAddress = Number.isSafeInteger(address) && address >= 0 && address % PAGE_SIZE === 0;
    if (!inChunk || pages[run] === 0 || !isAddress) throw unsound('a run');
  }
}

const unsound = (what: string): CkptError =>
  new CkptError('EBADMSG', `a recipe of the checkpoint is not sound: ${what} is not as it should be`);

/** Bytes of a batch before its pages. */
export const batchHeadSize = (pages: number): number => batchSize(pages) - pages * PAGE_SIZE;
