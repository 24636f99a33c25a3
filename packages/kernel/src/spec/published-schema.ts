import { PROGRAMS } from '../programs/registry.js';
import { SpecDocument } from './schema.js';

/**
 * The schema of specs as editors want it: in one document, with the names of all programs and the parameters of
 * each. Defaults are filled in before a program sees its parameters, so whoever writes them may leave those out.
 */
export function publishedSpecSchema(): Record<string, unknown> {
  const programs = [...PROGRAMS.values()];
  const schema = structuredClone(JSON.parse(JSON.stringify(SpecDocument))) as {
    $defs: { task: { properties: { program: object } } };
  };
  const { task } = schema.$defs;
  Object.assign(task.properties.program, { enum: programs.map(({ name }) => name) });
  Object.assign(task, {
    allOf: programs.map(({ name, summary, params }) => ({
      if: { properties: { program: { const: name } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { description: summary, properties: { params } },
    })),
  });
  return withoutDefaultsRequired(schema) as Record<string, unknown>;
}

function withoutDefaultsRequired(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutDefaultsRequired);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, withoutDefaultsRequired(value)]),
  );
  const { required, properties } = copy as { required?: unknown; properties?: Record<string, object> };
  if (!Array.isArray(required) || properties === undefined) return copy;
  const needed = required.filter((name) => !('default' in (properties[name] ?? {})));
  const { required: _, ...rest } = copy;
  return needed.length === 0 ? rest : { ...rest, required: needed };
}
