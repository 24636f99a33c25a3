import { RECORD_HEADER_SIZE, type RecordTypeName } from '../constants.js';
import { exactly, type Lengths } from '../lengths.js';
import type { RecordDefinition } from '../records/definition.js';
import { RECORDS, type RecordName, type RecordValues } from '../records.js';
import type { Context } from './context.js';
import type { State } from './state.js';

/** Some entries of a record's body that is larger than the window. */
export interface Piece {
  /** Byte position in the image. */
  readonly position: number;
  /** Bytes. */
  readonly length: number;
  readonly view: DataView;
  /** Where it starts in `view`. */
  readonly offset: number;
}

/** A record in the window of the reader, valid while it is taken. */
export class RecordBody {
  /** Byte position of the record in the image. */
  readonly position: number;
  /** Bytes of the whole record. */
  readonly length: number;
  readonly view: DataView;
  /** Where the body starts in `view`. */
  readonly offset: number;

  constructor(position: number, length: number, view: DataView, offset: number) {
    this.position = position;
    this.length = length;
    this.view = view;
    this.offset = offset;
  }

  /** The body, where all of it was wanted. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.offset, this.length - RECORD_HEADER_SIZE);
  }
}

/** What is done with a record that may come in a state. */
export interface Transition {
  lengths(context: Context): Lengths;
  /** Bytes of the body that are wanted; absent: all of it, which `lengths` has bounded. */
  wanted?(context: Context): number;
  /** Takes the record and says what comes next. */
  take(context: Context, record: RecordBody): State;
  /** Whole entries of a body that may be larger than the window, taken piece by piece after `take`. */
  readonly entries?: Entries;
}

export interface Entries {
  /** Bytes of one entry. */
  readonly size: number;
  take(context: Context, piece: Piece): void;
}

/** The records that may come in a state. */
export type Transitions = { readonly [Name in RecordTypeName]?: Transition };

/** Where a record and its fields are in the image, in bytes. */
export class Place<Field extends PropertyKey> {
  readonly position: number;
  readonly #offsets: Readonly<Partial<Record<Field, number>>>;

  /** @param offsets of the fields in the body */
  constructor(position: number, offsets: Readonly<Partial<Record<Field, number>>>) {
    this.position = position;
    this.#offsets = offsets;
  }

  field(name: Field): number {
    return this.position + RECORD_HEADER_SIZE + (this.#offsets[name] ?? 0);
  }
}

/** A record of fixed size: its padding is checked, its body decoded. */
export function fixed<Name extends RecordName>(
  name: Name,
  take: (context: Context, values: RecordValues<Name>, at: Place<keyof RecordValues<Name>>) => State,
): Transition {
  const { body, size } = RECORDS[name] as RecordDefinition<RecordValues<Name>>;
  const lengths = exactly(size);
  return {
    lengths: () => lengths,
    take(context, { position, view, offset }) {
      const stray = body.strayPadding(view, offset);
      if (stray !== -1)
        context.report(
          'not-zero',
          position + RECORD_HEADER_SIZE + stray - offset,
          `padding of a ${name} record is not zero`,
        );
      return take(context, body.read(view, offset), new Place(position, body.offsets));
    },
  };
}

/** A record of plain bytes. @param lengths of the whole record */
export const payload = (
  lengths: Lengths | ((context: Context) => Lengths),
  take: (context: Context, record: RecordBody) => State,
): Transition => ({ lengths: typeof lengths === 'function' ? lengths : () => lengths, take });
