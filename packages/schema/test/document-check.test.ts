import { documentCheck, type Static, Type } from '@ckptree/schema';
import { expect, test } from '@jest/globals';

const Key = Type.Object(
  {
    version: Type.Literal(1),
    name: Type.String({ maxLength: 8 }),
    'a/b~c': Type.Optional(Type.Union([Type.Literal('one'), Type.Literal('two')])),
    kind: Type.Optional(Type.Enum(['file', 'passphrase'])),
  },
  { additionalProperties: false },
);
type Key = Static<typeof Key>;
const checkKey = documentCheck(Key);

test('README: a document that fits has its type and is the very same', () => {
  const document: unknown = { version: 1, name: 'laptop' };
  const key: Key = checkKey('keys/1.json', document);
  expect(key).toBe(document);
});

test.each([
  [{ version: 1 }, '/name', '/name is missing'],
  [{ version: 2, name: 'x' }, '/version', '/version must be 1'],
  [{ version: 1, name: 'x', 'b/~': 1 }, '/b~1~0', '/b~1~0 is not known here'],
  [{ version: 1, name: 'x', kind: 'dog' }, '/kind', '/kind must be one of file, passphrase'],
  [{ version: 1, name: 'much too long' }, '/name', '/name must NOT have more than 8 characters'],
  ['text', '/', 'the document must be object'],
])('%j is refused, with the place and the reason', (document, field, sentence) => {
  const refused = expect.objectContaining({
    code: 'EBADMSG',
    message: `keys/1.json is not as it should be: ${sentence}`,
    fields: { path: 'keys/1.json', field },
  });
  expect(() => checkKey('keys/1.json', document)).toThrow(refused);
});

test('what somebody else named is repeated in part only', () => {
  const name = 'n'.repeat(1_000_000);
  expect(() => checkKey('keys/1.json', { version: 1, name: 'x', [name]: 1 })).toThrow(/^.{0,200}$/);
});
