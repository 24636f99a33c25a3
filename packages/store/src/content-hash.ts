import { Blake3Hasher, blake3 } from '@napi-rs/blake-hash';

/** Bytes of an id, and of every digest in a store. */
export const HASH_SIZE = 32;

/** A content address: BLAKE3-256 in hexadecimal. */
export type ChunkId = string;

/** The hash of a store: with a key, nobody without it can tell from an id what the content is. */
export interface ContentHash {
  /** 32 bytes. */
  digest(...parts: readonly Uint8Array[]): Buffer;
  /** For what is not in memory as a whole. */
  begin(): RunningHash;
}

export interface RunningHash {
  update(bytes: Uint8Array): void;
  /** 32 bytes. */
  digest(): Buffer;
}

/** @param key 32 bytes; without one the hash is plain BLAKE3 */
export function contentHash(key?: Uint8Array): ContentHash {
  const keyBytes = key === undefined ? undefined : Buffer.from(key);
  const newHasher = () => (keyBytes === undefined ? new Blake3Hasher() : Blake3Hasher.newKeyed(keyBytes));
  return {
    digest(...parts) {
      // One call across the native boundary where one is enough: chunks are.
      if (keyBytes === undefined && parts.length === 1) return blake3(parts[0]!);
      const hasher = newHasher();
      for (const part of parts) hasher.update(part);
      return hasher.digestBuffer();
    },
    begin() {
      const hasher = newHasher();
      return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digestBuffer() };
    },
  };
}

export const hexId = (digest: Uint8Array): ChunkId =>
  Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex');
