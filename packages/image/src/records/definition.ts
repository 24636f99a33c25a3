import { RECORD_HEADER_SIZE, RECORD_TYPE, type RecordTypeName } from '../constants.js';
import { type Struct, struct, type ValuesOf } from '../fields.js';

/**
 * A record of fixed size:
 *
 *     record = type:u32 len:u32 body
 *
 * `len` counts the whole record, these 8 bytes included. An empty CONTAINER is `03 00 00 00 08 00 00 00`.
 */
export interface RecordDefinition<Values> {
  readonly type: number;
  /** Bytes of the whole record. */
  readonly size: number;
  readonly body: Struct<Values>;
}

export function record<L extends Parameters<typeof struct>[0]>(
  name: RecordTypeName,
  layout: L,
): RecordDefinition<ValuesOf<L>> {
  const body = struct(layout);
  return { type: RECORD_TYPE[name], size: RECORD_HEADER_SIZE + body.size, body };
}
