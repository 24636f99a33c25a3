#!/usr/bin/env node
// Writes the published JSON Schemas, and the page about the protocol, from the types in src.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { protocolPage, publishedSchemas } from '@ckptree/protocol/reference';

const folder = new URL('../schemas/', import.meta.url);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [name, schema] of publishedSchemas())
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(schema, null, 2)}\n`);
writeFileSync(new URL('../../../docs/protocol.md', import.meta.url), protocolPage());
