import { RECORD_HEADER_SIZE, type RecordTypeName } from '../constants.js';
import { exactly, type Lengths } from '../lengths.js';
import type { RecordDefinition } from '../records/definition.js';
import { RECORDS, type RecordName, type RecordValues } from '../records.js';
import type { Context } from './context.js';
import type { State } from './state.js';

/** A record in the window. */
export interface RecordBody {
  /** Byte position of the record in the image. */
  readonly position: number;
  /** Bytes of the whole record. */
  readonly length: number;
  readonly view: DataView;
  /** Where the body starts in `view`. */
  readonly offset: number;
  /** The body, as far as it was wanted. */
  readonly bytes: Uint8Array;
}

/** Some entries of a record's body that is larger than the window. */
export type Piece = Omit<RecordBody, 'bytes'>;

/** What is done with a record that may come in a state. */
export interface Transition {
  lengths(context: Context): Lengths;
  /** Bytes of the body that are wanted; absent: all of it, which `lengths` has bounded. */
  wanted?(context: Context): number;
  /** Takes the record and says what comes next. */
  take(context: Context, record: RecordBody): State;
  /** Whole entries of a body that may be larger than the window, taken piece by piece after `take`. */
  readonly entries?: {
    /** Bytes of one entry. */
    readonly size: number;
    take(context: Context, piece: Piece): void;
  };
}

/** The records that may come in a state. */
export type Transitions = { readonly [Name in RecordTypeName]?: Transition };

/** Where a record and its fields are in the image, in bytes. */
export interface Place<Field> {
  readonly position: number;
  field(name: Field): number;
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
      const start = position + RECORD_HEADER_SIZE;
      const stray = body.strayPadding(view, offset);
      if (stray !== -1)
        context.report('not-zero', start + stray - offset, `padding of a ${name} record is not zero`);
      const at = { position, field: (field: keyof RecordValues<Name>) => start + body.offsets[field] };
      return take(context, body.read(view, offset), at);
    },
  };
}

/** A record of plain bytes. @param lengths of the whole record */
export const payload = (
  lengths: (context: Context) => Lengths,
  take: (context: Context, record: RecordBody) => State,
): Transition => ({ lengths, take });
