import { closeSync, openSync } from 'node:fs';
import type { ByteSource, Mm, StoredPages } from '@ckptree/model';
import { isStoredImage, type LocatedInStore, locateInStore } from './chunk-space.js';
import { isFileSource } from './file-source.js';
import type { Origin } from './load-plan.js';
import type { SourceOrigin } from './load-source.js';
import type { Versions } from './loaded-tree.js';
import { type PageSpace, stretchesOf } from './page-space.js';

/** A page space, and where its units are. */
export interface Located {
  readonly space: PageSpace;
  readonly versions: Versions;
  readonly origin: Origin | SourceOrigin;
  /** Gives back what the origin has open. */
  readonly close: () => Promise<void>;
}

/**
 * Finds out where the pages of address spaces are. What it opens is its own: the source may be closed meanwhile, unless
 * only the calling thread can read it.
 */
export async function locate(source: ByteSource, mms: readonly Mm<StoredPages>[]): Promise<Located> {
  const { versions, chunks } = isStoredImage(source) ? await locateInStore(source, mms) : NO_STORE;
  if (chunks !== undefined) return { versions, ...chunks };
  const { space, positions } = stretchesOf(mms);
  if (!isFileSource(source))
    return { space, versions, origin: { kind: 'source', source, positions }, close: async () => undefined };
  const { path } = source;
  // The same file again, whatever its path leads to by now.
  const fd = openSync(`/dev/fd/${source.fd}`, 'r');
  return { space, versions, origin: { kind: 'file', fd, path, positions }, close: async () => closeSync(fd) };
}

const NO_STORE: LocatedInStore = { versions: new Map() };
