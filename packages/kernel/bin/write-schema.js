#!/usr/bin/env node
// Writes the published JSON Schema of specs from the types in src/spec and the parameters of all programs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { publishedSpecSchema } from '@ckptree/kernel';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('spec.schema.json', folder), `${JSON.stringify(publishedSpecSchema(), null, 2)}\n`);
