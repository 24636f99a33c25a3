import type { ErrorData } from '@ckptree/errors';
import type { Part } from './parts.js';

/** What the pool asks of a thread. */
export type DumpRequest =
  /** Nothing: the answer shows that the thread has started and loaded its code. */
  | { readonly kind: 'warm-up' }
  /** Write a part of an image to its place in the file. @see CancelFlag */
  | { readonly kind: 'dump'; readonly part: Part; readonly fd: number; readonly cancel: Int32Array };

/** What a thread answers. A thrown error would lose its code on the way, so failures are data. */
export type DumpAnswer =
  | { readonly ok: true; readonly bytes: number }
  | { readonly ok: false; readonly error: ErrorData };
