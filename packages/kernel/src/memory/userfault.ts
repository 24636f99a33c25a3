import { CkptError, type ErrorData, errorFromData } from '@ckptree/errors';

/** Words in front of the table of frames. */
const WORD = {
  /** Frames whose contents are missing or poisoned: while it is 0, nobody need look at the table. */
  MISSING: 0,
  /** Grows with every request, so that whoever serves them can sleep on it. */
  BELL: 1,
  /** Failures that were recorded. */
  FAILURES: 2,
  /** The first number that no unit has yet. */
  NEXT_UNIT: 3,
  REQUESTS: 16,
} as const;

/** Threads that can wait at the same time; more of them wait without their page being brought first. */
const REQUESTS = 64;
const TABLE = WORD.REQUESTS + REQUESTS;

/** Failures that are kept, each once. Who is hit by a later one is told that there were too many. */
const RECORDS = 16;
const RECORD_SIZE = 1024;
/** Characters of a message that are kept when all of a failure is too long: in JSON each takes up to six bytes. */
const KEPT_CHARACTERS = 160;
const TOO_MANY = RECORDS;

/** How long a thread waits for a page: far longer than a disk takes that works. */
const PATIENCE_MS = 60_000;
/** A waiter looks again so often, whether or not somebody wakes it. */
const LOOK_AGAIN_MS = 1_000;

export interface UserfaultHandle {
  readonly words: SharedArrayBuffer;
  readonly records: SharedArrayBuffer;
}

/**
 * Frames that are mapped though their contents are still on their way (userfaultfd of Linux, for frames instead of
 * pages). Whoever brings contents registers frames by units, the parts in which they come; a thread that touches such a
 * frame asks for it and sleeps until it is resolved, or poisoned because its contents cannot be had.
 *
 * The word of a frame is 0 when its contents are there, the number of its unit when they are missing, and below 0 when
 * it is poisoned. Whoever registered a frame alone writes its word, and holds a reference to the frame for as long as
 * the word is not 0, so that no frame is given out anew with a word of its former life.
 *
 * All accesses are atomics, sequentially consistent. A loader writes contents, then 0 to the word, then looks for
 * requests; a waiter writes its request, then looks at the word: one of them sees the other. Who sees 0 sees the contents.
 */
export class Userfault {
  readonly handle: UserfaultHandle;
  readonly #words: Int32Array;
  readonly #records: Uint8Array;

  constructor(handle: UserfaultHandle) {
    this.handle = handle;
    this.#words = new Int32Array(handle.words);
    this.#records = new Uint8Array(handle.records);
  }

  /** Bytes of the words for so many frames. */
  static sizeFor(frames: number): number {
    return (TABLE + frames) * Int32Array.BYTES_PER_ELEMENT;
  }

  static readonly RECORDS_SIZE = RECORDS * RECORD_SIZE;

  /** Whether there is any frame whose contents are not there. */
  get anyMissing(): boolean {
    return Atomics.load(this.#words, WORD.MISSING) !== 0;
  }

  /** Whether the contents of a frame, to which the caller has a reference, are not there. */
  isMissing(frame: number): boolean {
    return this.anyMissing && this.#wordOf(frame) !== 0;
  }

  /** Numbers for units, the first of which is returned. */
  newUnits(count: number): number {
    // 0 says that contents are there, so numbers begin at 1.
    return Atomics.add(this.#words, WORD.NEXT_UNIT, count) + 1;
  }

  /** The contents of these frames will come with a unit. The caller keeps a reference to each. */
  register(frame: number, frames: number, unit: number): void {
    // Counted first: whoever finds the count 0 must not miss a word. Nobody else has the frames yet, so the words
    // themselves need no atomics: handing over the frames publishes them.
    Atomics.add(this.#words, WORD.MISSING, frames);
    this.#words.fill(unit, TABLE + frame, TABLE + frame + frames);
  }

  /** The contents of these frames are there. The caller still has its references to them. */
  resolve(frame: number, frames: number): void {
    this.#settle(frame, frames, 0);
    Atomics.sub(this.#words, WORD.MISSING, frames);
  }

  /** The contents of these frames cannot be had. @param record as from record() */
  poison(frame: number, frames: number, record: number): void {
    this.#settle(frame, frames, -1 - record);
  }

  /** Keeps a failure, for those whom it will hit. @returns its number */
  record(error: ErrorData): number {
    const { code, message, fields } = error;
    let text = Buffer.from(JSON.stringify({ code, message, fields }), 'utf8');
    if (text.length >= RECORD_SIZE)
      text = Buffer.from(
        JSON.stringify({ code, message: message.slice(0, KEPT_CHARACTERS), fields: {} }),
        'utf8',
      );
    const known = this.#recordOf(text);
    if (known !== undefined) return known;
    const record = Atomics.add(this.#words, WORD.FAILURES, 1);
    // Never written twice: somebody may be reading it.
    if (record >= RECORDS) return TOO_MANY;
    // Whoever comes to read it does so behind the words that poison() writes.
    this.#records.set(text, record * RECORD_SIZE);
    this.#records[record * RECORD_SIZE + text.length] = 0;
    return record;
  }

  /**
   * Waits on this thread until the contents of a frame are there.
   * @throws the failure that kept them away; ETIMEDOUT nobody brought them
   */
  await(frame: number): void {
    const request = this.#request(frame);
    const deadline = performance.now() + PATIENCE_MS;
    try {
      for (let word = this.#wordOf(frame); word !== 0; word = this.#wordOf(frame)) {
        if (word < 0) throw this.#failure(-1 - word);
        if (performance.now() > deadline)
          throw new CkptError('ETIMEDOUT', `the contents did not come within ${PATIENCE_MS / 1000} seconds`);
        Atomics.wait(this.#words, TABLE + frame, word, LOOK_AGAIN_MS);
      }
    } finally {
      if (request !== undefined) Atomics.store(this.#words, request, 0);
    }
  }

  /** The units that threads wait for. */
  *requests(): Iterable<number> {
    for (let index = WORD.REQUESTS; index < WORD.REQUESTS + REQUESTS; index++) {
      const frame = Atomics.load(this.#words, index);
      // A request of which the unit is just done, or that is taken back meanwhile, does no harm: units are claimed.
      const unit = frame === 0 ? 0 : this.#wordOf(frame);
      if (unit > 0) yield unit;
    }
  }

  /** How often it was rung. */
  get bell(): number {
    return Atomics.load(this.#words, WORD.BELL);
  }

  /** Sleeps on this thread until it was rung more often than `seen`. */
  awaitBell(seen: number, timeoutMs: number): void {
    Atomics.wait(this.#words, WORD.BELL, seen, timeoutMs);
  }

  /** Wakes all who serve requests. */
  ring(): void {
    Atomics.add(this.#words, WORD.BELL, 1);
    Atomics.notify(this.#words, WORD.BELL);
  }

  #wordOf(frame: number): number {
    return Atomics.load(this.#words, TABLE + frame);
  }

  /** @returns the index of the request's word; undefined when all are in use */
  #request(frame: number): number | undefined {
    for (let index = WORD.REQUESTS; index < WORD.REQUESTS + REQUESTS; index++) {
      // Frame 0 is the zero frame, so 0 can say that the word is free.
      if (Atomics.compareExchange(this.#words, index, 0, frame) !== 0) continue;
      this.ring();
      return index;
    }
    return undefined;
  }

  #settle(frame: number, frames: number, word: number): void {
    for (let index = TABLE + frame; index < TABLE + frame + frames; index++)
      Atomics.store(this.#words, index, word);
    for (let index = WORD.REQUESTS; index < WORD.REQUESTS + REQUESTS; index++) {
      const requested = Atomics.load(this.#words, index);
      if (requested >= frame && requested < frame + frames) Atomics.notify(this.#words, TABLE + requested);
    }
  }

  /** The same failure keeps away many units. One that another thread is just recording is not found, and recorded twice. */
  #recordOf(text: Buffer): number | undefined {
    const records = Math.min(Atomics.load(this.#words, WORD.FAILURES), RECORDS);
    for (let record = 0; record < records; record++) {
      const start = record * RECORD_SIZE;
      const kept = Buffer.from(this.#records.buffer, this.#records.byteOffset + start, text.length + 1);
      if (kept[text.length] === 0 && text.equals(kept.subarray(0, text.length))) return record;
    }
    return undefined;
  }

  #failure(record: number): CkptError {
    if (record === TOO_MANY)
      return new CkptError(
        'EIO',
        'its contents could not be had; so many others before could not that it is not known why',
      );
    const start = record * RECORD_SIZE;
    const end = this.#records.indexOf(0, start);
    // A copy: text cannot be decoded in shared memory.
    const text = Buffer.from(this.#records.slice(start, end)).toString('utf8');
    return errorFromData(JSON.parse(text));
  }
}
