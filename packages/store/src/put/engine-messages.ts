import type { ErrorData } from '@ckptree/errors';
import type { ChunkSettings } from '../chunk.js';
import type { ChunkId } from '../content-hash.js';
import type { Recorded, RecordPlace, RecordSource, Sealed } from './chunk-engine.js';
import type { SlabPages, SlabScan } from './scan-slab.js';
import type { SharedContents } from './shared-contents.js';

/** What a thread is started with. */
export interface EngineThreadData {
  /** It gives way to the other threads of the machine. */
  readonly givesWay: boolean;
}

/** What the pool asks of a thread. */
export type EngineRequest = { readonly settings: ChunkSettings } & (
  | { readonly kind: 'scan'; readonly pages: SlabPages }
  | {
      readonly kind: 'seal';
      readonly contents: SharedContents;
      readonly ids: Uint8Array;
      readonly target: Uint8Array;
    }
  | {
      readonly kind: 'record';
      readonly contents: SharedContents;
      readonly target: Uint8Array;
    }
  | {
      readonly kind: 'open';
      readonly id: ChunkId;
      readonly record: Uint8Array;
      readonly target: Uint8Array | undefined;
    }
  | { readonly kind: 'open all'; readonly source: RecordSource; readonly records: readonly RecordPlace[] }
  /** Nothing but to be there. */
  | { readonly kind: 'start' }
);

export type EngineResult = Uint8Array | Uint32Array | SlabScan | Sealed | Recorded;

/**
 * What a thread answers: a scan, what became of contents, the sizes of contents, or a content. A thrown error would lose its code on the way, so
 * failures are data.
 */
export type EngineAnswer =
  | { readonly ok: true; readonly result: EngineResult }
  | { readonly ok: false; readonly error: ErrorData };
