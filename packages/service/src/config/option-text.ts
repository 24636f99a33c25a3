import type { NamedOption } from './option-names.js';

const BYTE_UNITS = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;
const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What the text says, as the schema has it; the text itself where it says nothing of the kind. */
export function parseText({ schema, hints }: NamedOption, text: string): unknown {
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (schema.type !== 'integer') return text;
  if (hints.as === 'bytes') return byteCount(text) ?? text;
  if (hints.as === 'duration') return milliseconds(text) ?? text;
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function byteCount(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,12})(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return (
    Number(digits) * (unit === undefined ? 1 : BYTE_UNITS[unit.toUpperCase() as keyof typeof BYTE_UNITS])
  );
}

function milliseconds(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  return digits === undefined
    ? undefined
    : Number(digits) * DURATION_UNITS[unit as keyof typeof DURATION_UNITS];
}

/** The text for a value: what parseText() reads. */
export function textOf({ hints }: NamedOption, value: unknown): string {
  if (typeof value !== 'number') return String(value);
  if (hints.as === 'bytes') return inUnits(value, BYTE_UNITS, '');
  if (hints.as === 'duration') return inUnits(value, DURATION_UNITS, 'ms');
  return String(value);
}

/** In the largest unit that leaves nothing over. */
function inUnits(value: number, units: Readonly<Record<string, number>>, smallest: string): string {
  const fitting = Object.entries(units).filter(([, size]) => value >= size && value % size === 0);
  const [unit, size] = fitting.at(-1) ?? [smallest, 1];
  return `${value / size}${unit}`;
}

/** What the option takes, to stand behind "must be". */
export function expectationOf(option: NamedOption): string {
  const { schema, hints } = option;
  if (hints.expected !== undefined) return hints.expected;
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type !== 'integer') return 'a text that is not empty';
  const { minimum, maximum } = schema;
  const range = `from ${textOf(option, minimum)} to ${textOf(option, maximum)}`;
  if (hints.as === 'bytes') return `an amount of memory such as 512M or 4G, ${range}`;
  if (hints.as === 'duration') return `a time such as 500ms, 10s or 15m, ${range}`;
  return `a whole number ${range}`;
}
