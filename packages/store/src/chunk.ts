import { CkptError } from '@ckptree/errors';
import { CIPHER_OVERHEAD, decrypt, encrypt } from './cipher.js';
import { type ChunkId, contentHash, HASH_SIZE, hexId } from './content-hash.js';
import { zstdCompress, zstdDecompress } from './zstd.js';

/**
 * A chunk as it stands in a pack: a header of 48 bytes, then the payload. Numbers are little-endian.
 *
 *     id@0(32) stored@32(4) size@36(4) codec@40(1) cipher@41(1) zero@42(2) magic@44(4)
 *
 * `size` is that of the content, `stored` that of the payload: the content, compressed by `codec`, encrypted by
 * `cipher` with the header as context.
 */
export const CHUNK_HEADER_SIZE = 48;

const CHUNK_MAGIC = 0x4b4e_4843;
const MAGIC_BYTES = Buffer.from('CHNK', 'latin1');
const MAGIC_OFFSET = 44;

/** How the content of a chunk is packed. Numbers are part of the format. */
export const CODEC = { none: 0, zstd: 1 } as const;
export type CodecName = keyof typeof CODEC;

const CIPHER = { none: 0, aes256gcm: 1 } as const;

/** Bytes of content that a chunk may have. Writers stay at CHUNK_SIZE; a reader takes no more than this. */
export const CHUNK_SIZE_LIMIT = 4 * 1024 * 1024;

/** No record is longer: no codec is kept that makes its content larger, and encryption adds little. */
export const RECORD_LIMIT = CHUNK_HEADER_SIZE + CHUNK_SIZE_LIMIT + CIPHER_OVERHEAD;
/** Bytes that a record may have more than its content. */
export const RECORD_OVERHEAD = CHUNK_HEADER_SIZE + CIPHER_OVERHEAD;

/** Bytes of a content that are compressed on trial before all of it is: of every stretch, the first. */
const TRIAL_PIECE = 4096;
const TRIAL_STRETCH = 16 * TRIAL_PIECE;
/** Pieces of a first trial, which is enough when the answer is clear. */
const FEW_PIECES = 4;
const CLEARLY_WORTHWHILE = 0.8;
/** Compression that saves less than this share is not kept: reading would pay for it each time. */
const WORTHWHILE = 0.97;
/** A trial is given the benefit of the doubt. */
const TRIAL_WORTHWHILE = 0.995;

/** All that sealing and opening chunks needs; plain data, so that it can be handed to a thread. */
export interface ChunkSettings {
  readonly codec: CodecName;
  /** Of the codec: 1 (fast) to 19 (small). */
  readonly level: number;
  /** 32 bytes each, in an encrypted store. */
  readonly idKey?: Uint8Array;
  readonly dataKey?: Uint8Array;
}

export interface ChunkHeader {
  readonly id: ChunkId;
  /** Bytes of the payload. */
  readonly stored: number;
  /** Bytes of the content. */
  readonly size: number;
  readonly codec: number;
  readonly cipher: number;
}

/** A record in its two parts. */
export interface ChunkRecord {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** Bytes of the whole record. */
export const recordLength = ({ stored }: Pick<ChunkHeader, 'stored'>): number => CHUNK_HEADER_SIZE + stored;

/** @param id its id, as 32 bytes. @returns the record; the payload is `content` itself when that is to be stored as it is */
export function sealChunk(settings: ChunkSettings, id: Uint8Array, content: Uint8Array): ChunkRecord {
  const { codec, payload } = compress(settings, content);
  const header = Buffer.alloc(CHUNK_HEADER_SIZE);
  header.set(id, 0);
  header.writeUInt32LE(payload.length + (settings.dataKey === undefined ? 0 : CIPHER_OVERHEAD), 32);
  header.writeUInt32LE(content.length, 36);
  header.writeUInt8(codec, 40);
  header.writeUInt8(settings.dataKey === undefined ? CIPHER.none : CIPHER.aes256gcm, 41);
  header.writeUInt32LE(CHUNK_MAGIC, 44);
  return {
    header,
    payload: settings.dataKey === undefined ? payload : encrypt(settings.dataKey, payload, header),
  };
}

function compress(
  { codec, level }: ChunkSettings,
  content: Uint8Array,
): { codec: number; payload: Uint8Array } {
  if (codec === 'zstd' && looksCompressible(content, level)) {
    const payload = zstdCompress(content, level);
    if (payload.length < content.length * WORTHWHILE) return { codec: CODEC.zstd, payload };
  }
  return { codec: CODEC.none, payload: content };
}

/** What is encrypted or compressed already is found out by a sixteenth of it at most, and spared the rest. */
function looksCompressible(content: Uint8Array, level: number): boolean {
  if (content.length <= 2 * TRIAL_STRETCH) return true;
  const stretches = Math.ceil(content.length / TRIAL_STRETCH);
  return (
    (stretches > FEW_PIECES && trial(content, level, FEW_PIECES) < CLEARLY_WORTHWHILE) ||
    trial(content, level, stretches) < TRIAL_WORTHWHILE
  );
}

/** @returns what share of some pieces is left when they are compressed */
function trial(content: Uint8Array, level: number, pieces: number): number {
  const bytes = Buffer.allocUnsafe(pieces * TRIAL_PIECE);
  const stretch = Math.ceil(content.length / pieces);
  let size = 0;
  for (let at = 0; at < content.length; at += stretch) {
    const piece = content.subarray(at, at + TRIAL_PIECE);
    bytes.set(piece, size);
    size += piece.length;
  }
  return zstdCompress(bytes.subarray(0, size), level).length / size;
}

/** @returns undefined when the bytes are no header of a chunk that this version can read */
export function decodeChunkHeader(bytes: Uint8Array): ChunkHeader | undefined {
  if (bytes.length < CHUNK_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, CHUNK_HEADER_SIZE);
  const header = {
    id: hexId(bytes.subarray(0, HASH_SIZE)),
    stored: view.getUint32(32, true),
    size: view.getUint32(36, true),
    codec: view.getUint8(40),
    cipher: view.getUint8(41),
  };
  const overhead = header.cipher === CIPHER.none ? 0 : CIPHER_OVERHEAD;
  const sound =
    view.getUint32(44, true) === CHUNK_MAGIC &&
    view.getUint16(42, true) === 0 &&
    header.size <= CHUNK_SIZE_LIMIT &&
    header.cipher <= CIPHER.aes256gcm &&
    (header.codec === CODEC.none
      ? header.stored === header.size + overhead
      : header.codec === CODEC.zstd && header.stored < header.size + overhead);
  return sound ? header : undefined;
}

/** Whether the id is the BLAKE3 hash of the payload, too: of a content that is stored as it is, in a store without keys. */
export const isPayloadHashed = ({ codec, cipher }: ChunkHeader): boolean =>
  codec === CODEC.none && cipher === CIPHER.none;

/** The first bytes in a stretch of a pack that look like the header of a chunk. */
export function findChunkHeader(
  bytes: Uint8Array,
): { readonly header: ChunkHeader; readonly at: number } | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (
    let magic = buffer.indexOf(MAGIC_BYTES);
    magic !== -1;
    magic = buffer.indexOf(MAGIC_BYTES, magic + 1)
  ) {
    const at = magic - MAGIC_OFFSET;
    const header = at < 0 ? undefined : decodeChunkHeader(bytes.subarray(at));
    if (header !== undefined) return { header, at };
  }
  return undefined;
}

/**
 * The content of a chunk, checked against its id.
 * @param record header and payload, and nothing behind them
 * @param target of at least its size: where the content goes; by default memory of its own, or that of the record
 * @throws EIO it is damaged, or another chunk; then what is in `target` is of no use
 */
export function openChunk(
  settings: ChunkSettings,
  id: ChunkId,
  record: Uint8Array,
  target?: Uint8Array,
): Uint8Array {
  const header = decodeChunkHeader(record);
  if (header === undefined || recordLength(header) !== record.length || header.id !== id)
    throw new CkptError('EIO', `chunk ${id} is damaged: its header is not sound`);
  const { dataKey } = settings;
  if ((header.cipher === CIPHER.none) !== (dataKey === undefined))
    throw new CkptError('EIO', `chunk ${id} is damaged: it is encrypted otherwise than its store`);
  const body = record.subarray(CHUNK_HEADER_SIZE);
  const payload =
    dataKey === undefined ? body : decrypt(dataKey, body, record.subarray(0, CHUNK_HEADER_SIZE));
  if (target !== undefined && target.length < header.size)
    throw new CkptError('EIO', `chunk ${id} is damaged: it holds ${header.size} bytes, not ${target.length}`);
  const content = unpack(header, payload, target?.subarray(0, header.size));
  if (hexId(contentHash(settings.idKey).digest(content)) !== id)
    throw new CkptError('EIO', `chunk ${id} is damaged: its content has another hash`);
  return content;
}

function unpack({ codec, size }: ChunkHeader, payload: Uint8Array, target?: Uint8Array): Uint8Array {
  if (codec === CODEC.none) {
    target?.set(payload);
    return target ?? payload;
  }
  const content = target ?? Buffer.allocUnsafeSlow(size);
  zstdDecompress(payload, content);
  return content;
}
