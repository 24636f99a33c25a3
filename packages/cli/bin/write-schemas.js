#!/usr/bin/env node
// Writes the published JSON Schemas of what `--json` prints from the types in src.
import { mkdirSync, writeFileSync } from 'node:fs';
import { REPORT_SCHEMAS } from '@ckptree/cli';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(REPORT_SCHEMAS))
  writeFileSync(new URL(`${name}.schema.json`, folder), `${JSON.stringify(schema, null, 2)}\n`);
