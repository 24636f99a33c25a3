import { CkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';
import { RECORD_HEADER_SIZE, RECORD_TYPE } from './constants.js';
import type { Finding } from './finding.js';
import { Machine } from './grammar/machine.js';
import { type Entries, RecordBody, type Transition } from './grammar/transition.js';
import type { ImageVisitor } from './grammar/visitor.js';
import { PIECE_SIZE, RecordReader } from './record-reader.js';
import { recordTypeName, usualLengths } from './records.js';
import { resume } from './resume.js';

export interface ReadOptions {
  /** Is told now and then how many bytes of the image are done. */
  readonly onProgress?: (bytes: number) => void;
  /** Gives up: EINTR is thrown. */
  readonly signal?: AbortSignal;
}

/** How far a walk came. */
export interface Walked {
  readonly records: number;
  /** Bytes of the image, as far as records could be told apart. */
  readonly bytes: number;
}

/** Bytes between two calls of `onProgress`. */
const PROGRESS_STEP = 4 * 1024 * 1024;

const EMPTY = 'this is empty: an image starts with a HEADER record';
const NO_HEADER = 'this does not start like an image: it has no HEADER record';

interface Header {
  readonly type: number;
  readonly length: number;
  readonly position: number;
}

/**
 * Goes through an image record by record, from its start to its end or to where its records cannot be told apart
 * any more. Memory does not depend on the size of the image, nor on what its lengths claim: no more than a piece
 * of a record is held, page contents are skipped, and what is kept of a record is linear in what was there.
 * @param onFinding is given each breach of a rule; to stop at one, throw
 * @throws EINTR `signal` was aborted; what `onFinding` and the source throw
 */
export async function walk(
  source: ByteSource,
  visitor: ImageVisitor,
  onFinding: (finding: Finding) => void,
  { onProgress, signal }: ReadOptions = {},
): Promise<Walked> {
  const reader = new RecordReader(source);
  const machine = new Machine(visitor, onFinding);
  let records = 0;
  let nextProgress = PROGRESS_STEP;
  let last: Header | undefined;
  while (!machine.ended) {
    // Only now and then, once in many records, is there anything to wait for.
    if (!reader.has(RECORD_HEADER_SIZE)) {
      if (signal?.aborted) throw new CkptError('EINTR', 'reading the image was cancelled', {}, signal.reason);
      await reader.fill(RECORD_HEADER_SIZE);
    }
    const header = reader.available < RECORD_HEADER_SIZE ? undefined : readHeader(reader);
    if (last === undefined && header?.type !== RECORD_TYPE.HEADER) {
      machine.context.report('not-an-image', 0, reader.available === 0 ? EMPTY : NO_HEADER);
      break;
    }
    if (header === undefined) {
      reportEnd(reader, machine, last);
      break;
    }
    const goesOn = takeRecord(reader, machine, header);
    if (!(typeof goesOn === 'boolean' ? goesOn : await goesOn)) break;
    last = header;
    records++;
    if (reader.position >= nextProgress) {
      nextProgress = reader.position + PROGRESS_STEP;
      onProgress?.(reader.position);
    }
  }
  const bytes = reader.position;
  if (machine.complete && (await hasMore(reader)))
    machine.context.report('trailing-bytes', bytes, 'there is something behind the tail of the image');
  return { records, bytes };
}

async function hasMore(reader: RecordReader): Promise<boolean> {
  if (!reader.has(1)) await reader.fill(1);
  return reader.available > 0;
}

function readHeader({ view, offset, position }: RecordReader): Header {
  return { type: view.getUint32(offset, true), length: view.getUint32(offset + 4, true), position };
}

/** Whether the image can be followed further; at once where no more has to be read for that. */
type GoesOn = boolean | Promise<boolean>;

function takeRecord(reader: RecordReader, machine: Machine, header: Header): GoesOn {
  const { type, length, position } = header;
  const { context } = machine;
  const name = recordTypeName(type);
  if (name === undefined) {
    context.report('record-type', position, `there are no records of type ${type}`);
    machine.skipDamaged();
    return resumeBehind(reader, machine, length);
  }
  const transition = machine.expect(name, position);
  const lengths = transition?.lengths(context) ?? usualLengths(name);
  if (length < RECORD_HEADER_SIZE || !lengths.fits(length)) {
    context.report(
      'record-length',
      position + 4,
      `a ${name} record of ${length} bytes stands where one of ${lengths.text} should be`,
    );
    machine.skipDamaged();
    return resumeBehind(reader, machine, length, lengths.likely ?? length);
  }
  if (transition !== undefined) return takeBody(reader, machine, header, transition);
  reader.advance(length);
  return true;
}

function takeBody(reader: RecordReader, machine: Machine, header: Header, transition: Transition): GoesOn {
  const wanted = transition.wanted?.(machine.context) ?? header.length - RECORD_HEADER_SIZE;
  const bytes = RECORD_HEADER_SIZE + wanted;
  if (reader.has(bytes)) return takeRead(reader, machine, header, transition, bytes);
  return reader.fill(bytes).then(() => takeRead(reader, machine, header, transition, bytes));
}

/** @param bytes of the record that are wanted, and are in the window where the image has them */
function takeRead(
  reader: RecordReader,
  machine: Machine,
  header: Header,
  transition: Transition,
  bytes: number,
): GoesOn {
  const { length, position } = header;
  if (!holds(reader, machine, header, bytes)) return false;
  const record = new RecordBody(position, length, reader.view, reader.offset + RECORD_HEADER_SIZE);
  machine.enter(transition.take(machine.context, record));
  if (transition.entries !== undefined) return takeEntries(reader, machine, header, transition.entries);
  reader.advance(length, bytes);
  return true;
}

async function takeEntries(
  reader: RecordReader,
  machine: Machine,
  header: Header,
  entries: Entries,
): Promise<boolean> {
  reader.advance(RECORD_HEADER_SIZE);
  const end = header.position + header.length;
  const most = PIECE_SIZE - (PIECE_SIZE % entries.size);
  while (reader.position < end) {
    const length = Math.min(most, end - reader.position);
    if (!reader.has(length)) await reader.fill(length);
    if (!holds(reader, machine, header, length)) return false;
    const { position, view, offset } = reader;
    entries.take(machine.context, { position, length, view, offset });
    reader.advance(length);
  }
  return true;
}

/** Whether the image goes on for `length` more bytes; reported when it does not. */
function holds(reader: RecordReader, machine: Machine, header: Header, length: number): boolean {
  if (reader.available >= length) return true;
  machine.context.report(
    'truncated',
    header.position,
    `the image ends at byte ${reader.position + reader.available}, within ${describeRecord(header)}`,
  );
  return false;
}

/** The image ended where a record should start. */
function reportEnd(reader: RecordReader, machine: Machine, last: Header | undefined): void {
  const { position, available } = reader;
  if (reader.cutShort && last !== undefined)
    machine.context.report(
      'truncated',
      last.position,
      `the image ends within ${describeRecord(last)}, before byte ${position}`,
    );
  else
    machine.context.report(
      'truncated',
      position,
      `the image ends at byte ${position + available}, where ${machine.expected} should be`,
    );
}

const describeRecord = ({ type, length }: Header): string =>
  `a ${recordTypeName(type) ?? 'damaged'} record of ${length} bytes`;

/** Goes on behind a damaged record, wherever that may end. */
async function resumeBehind(
  reader: RecordReader,
  machine: Machine,
  ...lengths: readonly number[]
): Promise<boolean> {
  const { position } = reader;
  if (await resume(reader, lengths)) return true;
  machine.context.report(
    'framing-lost',
    position,
    'it cannot be told where the next record starts; what follows is not checked',
  );
  return false;
}
