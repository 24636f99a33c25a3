/** What a field of a schema is, in words, for the page. */

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Rows `| field | type | meaning |` of an object's properties, those of inner objects indented by their path. */
export function fieldRows(schema: object, path = ''): string[] {
  const { properties = {}, required = [] } = schema as Schema;
  return Object.entries(properties).flatMap(([name, field]) => {
    const optional = required.includes(name) ? '' : '?';
    const row = `| \`${path}${name}${optional}\` | ${typeOf(field)} | ${field.description ?? ''} |`;
    return [row, ...innerRows(field, `${path}${name}`)];
  });
}

function innerRows(field: Schema, path: string): string[] {
  if (field.items !== undefined) return innerRows(field.items, `${path}[]`);
  return field.properties === undefined ? [] : fieldRows(field, `${path}.`);
}

function typeOf({ type, const: value, anyOf, items, patternProperties }: Schema): string {
  if (value !== undefined) return `\`${JSON.stringify(value)}\``;
  if (anyOf !== undefined) return anyOf.map(typeOf).join(', ');
  if (items !== undefined)
    return items.properties === undefined ? `array of ${typeOf(items)}` : 'array of object';
  if (patternProperties !== undefined) return `map to ${typeOf(Object.values(patternProperties)[0] ?? {})}`;
  return type ?? 'any';
}
