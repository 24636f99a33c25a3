import { readdirSync, readFileSync } from 'node:fs';
import { EVENTS, eventSubject } from '@ckptree/protocol';
import {
  PUBLISHED_EVENTS,
  PUBLISHED_RECORDS,
  PUBLISHED_REQUEST,
  PUBLISHED_ROLES,
  protocolPage,
  publishedSchemas,
  wholeReply,
  wholeRequest,
} from '@ckptree/protocol/reference';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
const messages = PUBLISHED_ROLES.flatMap((role) => role.messages);
const documents = [PUBLISHED_REQUEST, ...PUBLISHED_EVENTS, ...PUBLISHED_RECORDS];

describe('the published schemas', () => {
  const folder = new URL('../schemas/', import.meta.url);

  test('are what `npm run write-schemas` writes', () => {
    const expected = [...publishedSchemas()].map(([name, schema]) => [
      `${name}.json`,
      `${JSON.stringify(schema, null, 2)}\n`,
    ]);
    const files = readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]);
    expect(Object.fromEntries(files)).toEqual(Object.fromEntries(expected));
  });

  test('are valid, in strict mode', () => {
    for (const [name, schema] of publishedSchemas())
      expect([name, ajv.validateSchema(schema), typeof ajv.compile(schema)]).toEqual([
        name,
        true,
        'function',
      ]);
  });

  test('let fields pass that they do not know', () => {
    const ignoring = [...publishedSchemas().values()].filter((schema) => 'additionalProperties' in schema);
    expect(ignoring).toEqual([]);
  });
});

describe('the page about the protocol', () => {
  test('is what the schemas say', () => {
    expect(readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')).toBe(protocolPage());
  });
});

describe('the examples', () => {
  test.each(messages.map((message) => [message.name, message] as const))(
    'of %s are valid and small enough',
    (_, message) => {
      const { definition } = message;
      const request = { version: 1, ...definition.example.request };
      expect([ajv.validate(wholeRequest(definition), request), ajv.errors]).toEqual([true, null]);
      const reply = { ok: true, ...definition.example.reply };
      expect([ajv.validate(wholeReply(definition), reply), ajv.errors]).toEqual([true, null]);
      expect(JSON.stringify(request).length).toBeLessThan(definition.maxBytes);
    },
  );

  test.each(documents.map((document) => [document.name, document] as const))(
    'of %s is valid',
    (_, { schema, example }) => {
      expect([ajv.validate(schema, example), ajv.errors]).toEqual([true, null]);
    },
  );

  test('show every event, at its subject', () => {
    expect(PUBLISHED_EVENTS.map(({ name }) => name).sort()).toEqual(
      Object.keys(EVENTS)
        .map((type) => `event.${type}`)
        .sort(),
    );
    const ids: Readonly<Record<string, string>> = {
      '20261123t153926123-7f3a9c2e': '<checkpoint>',
      't-5f0c6a1b2d3e': '<tree>',
      'worker-1': '<worker>',
    };
    for (const { place, example } of PUBLISHED_EVENTS) {
      const subject = eventSubject(example as Parameters<typeof eventSubject>[0]);
      const [, , , scope = '', id = '', last = ''] = subject.split('.');
      expect(`ckptree.v1.event.${scope}.${ids[id]}.${last}`).toBe(place);
    }
  });
});
