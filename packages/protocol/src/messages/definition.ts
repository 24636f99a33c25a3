import { type Static, type TObject, type TProperties, Type } from '@ckptree/schema';
import { Failure } from './fields.js';

/** The version of the protocol that this package speaks; in every message and in every subject. */
export const PROTOCOL_VERSION = 1;
export const PREFIX = `ckptree.v${PROTOCOL_VERSION}`;

const KIB = 2 ** 10;
/** Bytes of a request with its headers, where nothing else is said. */
export const SMALL = 64 * KIB;

/** What one request and its reply look like, and how they are carried. */
export interface Definition<
  Request extends TProperties = TProperties,
  Reply extends TProperties = TProperties,
> {
  readonly summary: string;
  /** The request without its version. */
  readonly request: TObject<Request>;
  /** The reply without `ok`. */
  readonly reply: TObject<Reply>;
  /** Largest request that is taken: bytes of headers and content. */
  readonly maxBytes: number;
  /** How long a caller waits who does not say, milliseconds. */
  readonly timeoutMs: number;
  /** Messages whose content is bytes say here what those are; the JSON is then in the header `Ckptree`. */
  readonly payload?: { readonly request?: string; readonly reply?: string };
  readonly example: { readonly request: object; readonly reply: object };
}

/** A definition at the subject where it is served. */
export interface Endpoint<D extends Definition = Definition> {
  /** `role.verb`: what the files of its schemas, and errors, call it. */
  readonly name: string;
  readonly definition: D;
  readonly subject: string;
  /** Who answers there, for messages: `the coordinator`, `worker w1`. */
  readonly responder: string;
}

/** What a definition is written as: properties instead of objects, and only what is not usual. */
type Written<Request extends TProperties, Reply extends TProperties> = Omit<
  Definition<Request, Reply>,
  'request' | 'reply' | 'maxBytes' | 'timeoutMs' | 'example'
> & {
  readonly request: Request;
  readonly reply: Reply;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
  readonly example: { readonly request: Static<TObject<Request>>; readonly reply: Static<TObject<Reply>> };
};

/** Gives a definition its types. */
export const message = <Request extends TProperties, Reply extends TProperties>(
  written: Written<Request, Reply>,
): Definition<Request, Reply> => ({
  maxBytes: SMALL,
  timeoutMs: 5_000,
  ...written,
  request: Type.Object(written.request),
  reply: Type.Object(written.reply),
});

export type RequestOf<D extends Definition> = Static<D['request']>;
export type ReplyOf<D extends Definition> = Static<D['reply']>;

/** What a reply looks like to whatever could not be done. */
export const FailedReply = Type.Object({ ok: Type.Literal(false), error: Failure });
