/** Bytes that are read by position: a file, an export of a store, a stream that only goes forward. */
export interface ByteSource {
  /**
   * Up to `length` bytes at `position`; fewer only at the end, none behind it. The result may be overwritten by
   * the next call. A forward-only source throws EINVAL when it is asked to go back.
   */
  read(position: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Bytes in all, where that is known before they are read. */
  readonly size?: number;
  /** The host's descriptor of the file that holds just these bytes, if one does: any thread of the process may read them itself. */
  readonly fd?: number;
}

/** Where bytes go, in order. */
export interface ByteSink {
  /** Takes the bytes before it returns or resolves; the caller may reuse them then. */
  write(bytes: Uint8Array): void | Promise<void>;
}

/**
 * The page contents of an address space that lie in a file, as runs: `pages` pages from `address` up stand one
 * behind the other in the file from byte `position` on.
 */
export interface StoredPages {
  /** Triples (address, position, pages), ascending by address, not overlapping. */
  readonly runs: Float64Array;
}
