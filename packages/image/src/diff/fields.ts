import { hex } from '../printable.js';
import type { FieldDifference } from './report.js';

/**
 * Where two values of plain data differ: objects and arrays are gone into, bytes and numbers are compared whole.
 * Whatever a value holds is compared, so a field that is added later cannot be forgotten here.
 */
export function differences(a: unknown, b: unknown, field = ''): FieldDifference[] {
  if (Object.is(a, b)) return [];
  if (isPlain(a) || isPlain(b)) return insideDifferences(asPlain(a), asPlain(b), field);
  const textA = textOf(a, field);
  const textB = textOf(b, field);
  if (textA === textB) return [];
  return [{ field, ...(textA !== undefined && { a: textA }), ...(textB !== undefined && { b: textB }) }];
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);

/** What is absent has no fields. */
const asPlain = (value: unknown): Plain => (isPlain(value) ? value : {});

const insideDifferences = (a: Plain, b: Plain, field: string): FieldDifference[] =>
  namesOf(a, b).flatMap((name) => differences(a[name], b[name], field === '' ? name : `${field}.${name}`));

function namesOf(a: Plain, b: Plain): string[] {
  const names = Object.keys(a);
  const more = Object.keys(b).filter((name) => !Object.hasOwn(a, name));
  return more.length === 0 ? names : [...names, ...more];
}

/** Fields that hold an address or bits: people read these in hexadecimal. */
const HEX = /(^|\.)(layout\.\w+|start|end|vdso|mode|flags)$/;

/** A value as text; undefined for a value that is absent. */
function textOf(value: unknown, field: string): string | undefined {
  if (value === undefined) return undefined;
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  if (typeof value === 'bigint' || (typeof value === 'number' && HEX.test(field))) return hex(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
