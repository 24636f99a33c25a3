import { CkptError } from '@ckptree/errors';
import { CHUNK_HEADER_SIZE, type ChunkHeader, decodeChunkHeader, recordLength } from '../chunk.js';
import { type ContentHash, HASH_SIZE } from '../content-hash.js';

/**
 * A pack: many chunks in one object. Numbers are little-endian.
 *
 *     "ckptpack" version(4) zero(4) pack id(16)        header, 32 bytes
 *     chunk record ...                                 one behind the other
 *     chunk header ...                                 trailer: the headers once more, in the same order
 *     digest(32) count(4) trailer position(4) "ckptpend"   footer, 48 bytes
 *
 * The digest (keyed in an encrypted store) is over header, trailer, count and position. Where a chunk begins follows
 * from the lengths of those before it.
 */
export const PACK_HEADER_SIZE = 32;
export const PACK_FOOTER_SIZE = 48;
const PACK_VERSION = 1;
const HEAD_MAGIC = Buffer.from('ckptpack', 'latin1');
const TAIL_MAGIC = Buffer.from('ckptpend', 'latin1');

/** A pack is sealed once it holds so many bytes. */
export const PACK_SIZE = 32 * 1024 * 1024;
/** No reader takes a larger one. */
export const PACK_SIZE_LIMIT = 1024 * 1024 * 1024;

/**
 * Nor one of more chunks, for each of which the table takes some 450 bytes of memory. A pack of PACK_SIZE has two thirds of
 * these if each of its chunks is but a byte.
 */
const PACK_CHUNKS_LIMIT = 2 ** 20;

/** 32 hexadecimal digits, random: a name is never used twice, so a deleted pack stays deleted. */
export type PackId = string;

/** A chunk's place in its pack. */
export interface PackEntry extends ChunkHeader {
  /** Byte position of the record. */
  readonly offset: number;
}

export function encodePackHeader(id: PackId): Buffer {
  const header = Buffer.alloc(PACK_HEADER_SIZE);
  HEAD_MAGIC.copy(header, 0);
  header.writeUInt32LE(PACK_VERSION, 8);
  header.write(id, 16, 'hex');
  return header;
}

/** @throws EIO, ENOEXEC it is not the header of this pack */
export function checkPackHeader(id: PackId, header: Uint8Array): void {
  const expected = encodePackHeader(id);
  if (expected.equals(header)) return;
  const bytes = Buffer.from(header);
  const version = bytes.length >= 12 ? bytes.readUInt32LE(8) : 0;
  if (bytes.subarray(0, 8).equals(HEAD_MAGIC) && version > PACK_VERSION && version < 0x1_0000)
    throw new CkptError(
      'ENOEXEC',
      `pack ${id} has format version ${version}, and this program knows ${PACK_VERSION}; use a newer ckptree`,
    );
  throw new CkptError('EIO', `pack ${id} is damaged: its header is not sound`);
}

/** Trailer and footer. @param headers the chunk headers, one behind the other */
export function encodePackEnd(
  id: PackId,
  headers: Uint8Array,
  position: number,
  hash: ContentHash,
): Buffer[] {
  const footer = Buffer.alloc(PACK_FOOTER_SIZE);
  footer.writeUInt32LE(headers.length / CHUNK_HEADER_SIZE, HASH_SIZE);
  footer.writeUInt32LE(position, HASH_SIZE + 4);
  TAIL_MAGIC.copy(footer, HASH_SIZE + 8);
  const counted = footer.subarray(HASH_SIZE, HASH_SIZE + 8);
  footer.set(hash.digest(encodePackHeader(id), headers, counted), 0);
  return [Buffer.from(headers.buffer, headers.byteOffset, headers.byteLength), footer];
}

/**
 * Where the trailer is.
 * @param footer the last PACK_FOOTER_SIZE bytes
 * @param size   bytes of the pack
 * @throws EIO   it is not sound
 */
export function trailerRange(id: PackId, footer: Buffer, size: number): { position: number; length: number } {
  const position = footer.length === PACK_FOOTER_SIZE ? footer.readUInt32LE(HASH_SIZE + 4) : 0;
  const length = footer.length === PACK_FOOTER_SIZE ? footer.readUInt32LE(HASH_SIZE) * CHUNK_HEADER_SIZE : 0;
  const sound =
    size <= PACK_SIZE_LIMIT &&
    length <= PACK_CHUNKS_LIMIT * CHUNK_HEADER_SIZE &&
    position >= PACK_HEADER_SIZE &&
    position + length + PACK_FOOTER_SIZE === size &&
    footer.subarray(HASH_SIZE + 8).equals(TAIL_MAGIC);
  if (!sound)
    throw new CkptError('EIO', `pack ${id} is damaged: its end is not sound (cut off, or overwritten)`);
  return { position, length };
}

/** The entries that a trailer lists. @throws EIO it does not agree with its digest */
export function decodeTrailer(id: PackId, trailer: Buffer, footer: Buffer, hash: ContentHash): PackEntry[] {
  const counted = footer.subarray(HASH_SIZE, HASH_SIZE + 8);
  if (!hash.digest(encodePackHeader(id), trailer, counted).equals(footer.subarray(0, HASH_SIZE)))
    throw new CkptError('EIO', `pack ${id} is damaged: its table of chunks has another hash`);
  const entries: PackEntry[] = [];
  let offset = PACK_HEADER_SIZE;
  for (let at = 0; at < trailer.length; at += CHUNK_HEADER_SIZE) {
    const header = decodeChunkHeader(trailer.subarray(at, at + CHUNK_HEADER_SIZE));
    if (header === undefined)
      throw new CkptError('EIO', `pack ${id} is damaged: its table of chunks is not sound`);
    entries.push({ ...header, offset });
    offset += recordLength(header);
  }
  if (offset !== footer.readUInt32LE(HASH_SIZE + 4))
    throw new CkptError('EIO', `pack ${id} is damaged: its chunks do not fill it`);
  return entries;
}
