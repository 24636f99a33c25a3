#!/usr/bin/env node
// Writes the published JSON Schemas of the reports from the types in src.
import { mkdirSync, writeFileSync } from 'node:fs';
import { DIFF_SCHEMA, INSPECT_SCHEMA, VERIFY_SCHEMA } from '@ckptree/image';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries({
  diff: DIFF_SCHEMA,
  inspect: INSPECT_SCHEMA,
  verify: VERIFY_SCHEMA,
}))
  writeFileSync(new URL(`${name}.schema.json`, folder), `${JSON.stringify(schema, null, 2)}\n`);
