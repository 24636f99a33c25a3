import type { Definition } from '@ckptree/protocol';
import fc from 'fast-check';

/** What somebody who means no good may send to one subject. */
export interface HostileMessage {
  /** What is wrong with it, for whoever reads of a failure. */
  readonly fault: string;
  readonly content: Uint8Array;
  /** The JSON of a message whose content is bytes. */
  readonly header?: string;
  /** What is to be answered; none: there is nothing wrong with it but the way that it comes. */
  readonly code?: 'EINVAL' | 'E2BIG';
}

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** Largest message, with its headers, that is sent. */
const SENT_BYTES = 5 * 2 ** 20;
/** Characters of no name, id or key. */
const LONG = 20_000;
/** Levels of nesting that are taken. */
const NESTING = 600;

/** A value of each type that JSON Schema knows. */
const SAMPLES = {
  null: null,
  boolean: true,
  number: 0.5,
  string: 'x',
  array: [1],
  object: { x: 1 },
} as const;

/** The types that a field may have. */
function typesOf(schema: Schema): readonly string[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap(typesOf);
  if (schema.const !== undefined) return [typeof schema.const];
  if (schema.type !== undefined) return [schema.type];
  throw new Error(`of which type is a field of ${JSON.stringify(schema)}?`);
}

/** Values that a field must not have. */
function wrongFor(schema: Schema): readonly unknown[] {
  const right = typesOf(schema);
  return Object.entries(SAMPLES).flatMap(([type, value]) => (right.includes(type) ? [] : [value]));
}

/** Any message to this subject that breaks the protocol, by the kinds of what may be wrong with one. */
export function hostileMessage(definition: Definition): fc.Arbitrary<HostileMessage> {
  const { request, example, maxBytes } = definition;
  const { properties, required = [] } = request as unknown as ObjectSchema;
  const binary = definition.payload?.request !== undefined;
  const sound: Readonly<Record<string, unknown>> = { version: 1, ...example.request };
  const fields = Object.entries(properties);
  const needed = ['version', ...required.filter((name) => name !== 'version')];

  const told = (fault: string, json: string, code: HostileMessage['code'] = 'EINVAL'): HostileMessage =>
    binary
      ? { fault, content: Buffer.from('content'), header: json, code }
      : { fault, content: Buffer.from(json), code };
  const changed = (fault: string, change: object): HostileMessage =>
    told(fault, JSON.stringify({ ...sound, ...change }));

  const noise = fc
    .uint8Array({ minLength: 1, maxLength: 1_024 })
    .map((content): HostileMessage => ({ fault: 'noise', content, code: 'EINVAL' }));
  const nothing = fc.constant(told('nothing', ''));
  const truncated = fc
    .nat(JSON.stringify(sound).length - 1)
    .map((length) => told('truncated', JSON.stringify(sound).slice(0, length)));
  const otherVersion = fc
    .constantFrom(0, 2, 1.5, -1, '1', null, true, [1], {})
    .map((version) => changed('version', { version }));
  const noObject = fc
    .constantFrom(null, true, 1, 'x', [1], [])
    .map((value) => told('no object', JSON.stringify(value)));
  const missing = fc.constantFrom(...needed).map((name) => changed(`without ${name}`, { [name]: undefined }));
  const wrongTypes = fields.map(([name, schema]) =>
    fc.constantFrom(...wrongFor(schema)).map((value) => changed(`type of ${name}`, { [name]: value })),
  );
  // No string that is asked for may be as long as whoever asks likes.
  const tooLong = fields
    .filter(([, schema]) => typesOf(schema).includes('string'))
    .map(([name]) =>
      fc.nat(99).map((more) => changed(`length of ${name}`, { [name]: 'x'.repeat(LONG + more) })),
    );
  const deep = fc
    .tuple(fc.integer({ min: NESTING + 1, max: 4 * NESTING }), fc.boolean(), fc.boolean())
    .map(([levels, objects, closed]) => {
      const [open, close] = objects ? ['{"x":', '}'] : ['[', ']'];
      return told('nesting', open.repeat(levels) + (closed ? `1${close.repeat(levels)}` : ''), 'E2BIG');
    });
  // Where more is taken than is sent here, it is large and has no JSON.
  const large = fc.integer({ min: 1, max: 4_096 }).map((more): HostileMessage => {
    const size = maxBytes + more;
    return size > SENT_BYTES
      ? { fault: 'large', content: Buffer.alloc(2 ** 20 + more, 'x'), code: 'EINVAL' }
      : { fault: 'too large', content: Buffer.alloc(size, 'x'), code: 'E2BIG' };
  });
  return fc.oneof(
    { weight: 8, arbitrary: noise },
    { weight: 2, arbitrary: nothing },
    { weight: 12, arbitrary: truncated },
    { weight: 12, arbitrary: otherVersion },
    { weight: 8, arbitrary: noObject },
    { weight: 12, arbitrary: missing },
    ...wrongTypes.map((arbitrary) => ({ weight: Math.ceil(36 / wrongTypes.length), arbitrary })),
    ...tooLong.map((arbitrary) => ({ weight: Math.ceil(8 / tooLong.length), arbitrary })),
    { weight: 8, arbitrary: deep },
    { weight: 2, arbitrary: large },
  );
}

/** The message of the example: nothing is wrong with it. */
export function soundMessage({ example, payload }: Definition): HostileMessage {
  const json = JSON.stringify({ version: 1, ...example.request });
  return payload?.request === undefined
    ? { fault: 'none', content: Buffer.from(json) }
    : { fault: 'none', content: Buffer.from('content'), header: json };
}
