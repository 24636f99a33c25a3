import { asCkptError, CkptError } from '@ckptree/errors';
import { type Connection, exchange, request, storage, storageAt } from '@ckptree/protocol';
import type { ObjectContent } from './object-content.js';
import { type Attempt, delayAfter, isTransient, type Patience } from './patience.js';

/** What every way of creating an object may say. */
export interface Creation {
  readonly name: string;
  readonly lease?: string;
}

export interface Created {
  readonly created: boolean;
  readonly same?: boolean;
}

/** A piece that an instance does not answer is sent so often before the upload is begun anew at another one. */
const PIECE_ATTEMPTS = 5;
/** The same when nobody is there at all, or it is overrun. */
const ABSENT_ATTEMPTS = 3;
const PIECE_TIMEOUT_MS = 2_000;

/**
 * Brings an object in pieces to one instance of the storage service. As many pieces are under way as that instance
 * gives credits for, so neither its memory nor ours fills up, however slow its disk is.
 * @throws EAGAIN the instance is gone, or has lost the upload: begin anew
 */
export async function uploadOnce(
  connection: Connection,
  patience: Patience,
  creation: Creation,
  content: ObjectContent,
  attempt: Attempt,
): Promise<Created> {
  const { name } = creation;
  const { timeoutMs, signal } = attempt;
  const options = { timeoutMs, ...(signal && { signal }) };
  const begun = await request(connection, storage.begin, { name, size: content.size }, options);
  const upload = new Upload(connection, patience, begun, signal);
  try {
    await upload.send(content, Math.min(begun.pieceBytes, payloadLimit(connection)));
    return await upload.finish(creation, content.hash(), attempt.number > 0);
  } catch (error) {
    upload.drop();
    throw error;
  }
}

/** Bytes that a message may hold beside its headers. */
export const payloadLimit = (connection: Connection): number => connection.maxPayload - HEADERS;
const HEADERS = 8 * 1024;

class Upload {
  readonly #connection: Connection;
  readonly #patience: Patience;
  readonly #at: ReturnType<typeof storageAt>;
  readonly #id: string;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #underWay = new Set<Promise<void>>();
  #credits: number;

  constructor(
    connection: Connection,
    patience: Patience,
    begun: { readonly instance: string; readonly upload: string; readonly credits: number },
    signal: AbortSignal | undefined,
  ) {
    this.#connection = connection;
    this.#patience = patience;
    this.#at = storageAt(begun.instance);
    this.#id = begun.upload;
    this.#credits = begun.credits;
    this.#signal = signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal]);
  }

  async send(content: ObjectContent, pieceBytes: number): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const { position, bytes } of content.pieces(pieceBytes)) {
      while (this.#underWay.size >= Math.max(1, this.#credits) && failure === undefined)
        await Promise.race(this.#underWay);
      if (failure !== undefined) break;
      const sending: Promise<void> = this.#sendPiece(position, bytes)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => this.#underWay.delete(sending));
      this.#underWay.add(sending);
    }
    while (this.#underWay.size > 0 && failure === undefined) await Promise.race(this.#underWay);
    if (failure !== undefined) throw failure.error;
  }

  async finish({ name: _, ...creation }: Creation, hash: string, again: boolean): Promise<Created> {
    const body = { upload: this.#id, hash, ...creation, ...(again && { again }) };
    return this.#ask((options) => request(this.#connection, this.#at.finish, body, options));
  }

  /** Tells the instance, if it is there; if it hears nothing, it gives up the upload by itself. */
  drop(): void {
    this.#end.abort();
    request(this.#connection, this.#at.drop, { upload: this.#id }).catch(() => undefined);
  }

  async #sendPiece(position: number, bytes: Uint8Array): Promise<void> {
    const body = { upload: this.#id, position };
    const { reply } = await this.#ask((options) =>
      exchange(this.#connection, this.#at.piece, body, { ...options, payload: bytes }),
    );
    this.#credits = reply.credits;
  }

  /** The instance knows what it had already, so asking again does no harm. */
  async #ask<T>(
    ask: (options: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    let unanswered = 0;
    for (let number = 0; ; number++) {
      try {
        return await ask({ timeoutMs: PIECE_TIMEOUT_MS * 2 ** unanswered, signal: this.#signal });
      } catch (error) {
        const { code, message } = asCkptError(error);
        // EBUSY: it is there, and has no room just now; that may take as long as its disk takes.
        unanswered = code === 'EBUSY' ? 0 : unanswered + 1;
        const limit = code === 'EAGAIN' ? ABSENT_ATTEMPTS : PIECE_ATTEMPTS;
        if (code === 'ENOENT') throw new CkptError('EAGAIN', `the upload is lost: ${message}`, {}, error);
        if (!isTransient(error) || this.#end.signal.aborted || unanswered >= limit) throw error;
        this.#patience.observer.retried();
        await this.#patience.pause(delayAfter(number));
      }
    }
  }
}
