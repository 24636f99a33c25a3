import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesSource, inspectImage, RULES, readFailure, readTree, verifyImage } from '@ckptree/image';
import { describe, expect, test } from '@jest/globals';
import { DAMAGED } from './support/damaged.js';
import { GOOD } from './support/good.js';

/**
 * The corpus: `good/NAME.img` beside what inspect says of it, `damaged/RULE.WHAT.img` beside what verify finds and
 * readTree throws. The files are the truth that readers and writers of any age are held against. To write them anew from
 * support/good.ts and support/damaged.ts: `UPDATE_CORPUS=1 npx jest packages/image/test/corpus`.
 */
const folder = fileURLToPath(new URL('corpus/', import.meta.url));
const makers = { good: GOOD, damaged: DAMAGED } as const;
type Kind = keyof typeof makers;

const imageOf = (kind: Kind, name: string) => new Uint8Array(readFileSync(join(folder, kind, `${name}.img`)));
const jsonOf = (kind: Kind, name: string): unknown =>
  JSON.parse(readFileSync(join(folder, kind, `${name}.json`), 'utf8'));

const examined = {
  async good(image: Uint8Array) {
    return inspectImage(await readTree(bytesSource(image)), { pages: true });
  },
  async damaged(image: Uint8Array) {
    const { findings } = await verifyImage(bytesSource(image));
    const error = await readTree(bytesSource(image)).then(
      () => 'none',
      ({ code, message }) => ({ code, message }),
    );
    const failure = await readFailure(bytesSource(image));
    return { findings, error, ...(failure !== undefined && { failure }) };
  },
};

if (process.env.UPDATE_CORPUS !== undefined)
  for (const kind of ['good', 'damaged'] as const) {
    mkdirSync(join(folder, kind), { recursive: true });
    for (const [name, make] of Object.entries(makers[kind])) {
      const image = make();
      writeFileSync(join(folder, kind, `${name}.img`), image);
      writeFileSync(
        join(folder, kind, `${name}.json`),
        `${JSON.stringify(await examined[kind](image), null, 1)}\n`,
      );
    }
  }

const names = (kind: Kind) =>
  readdirSync(join(folder, kind))
    .filter((name) => name.endsWith('.img'))
    .map((name) => name.slice(0, -'.img'.length));

describe.each(['good', 'damaged'] as const)('%s images of the corpus', (kind) => {
  test('are those that the writers make', () => {
    expect(names(kind).sort()).toEqual(Object.keys(makers[kind]).sort());
  });

  test.each(names(kind))('%s', async (name) => {
    const image = imageOf(kind, name);
    expect(JSON.parse(JSON.stringify(await examined[kind](image)))).toEqual(jsonOf(kind, name));
    expect(Buffer.compare(image, makers[kind][name]?.() ?? new Uint8Array(0))).toBe(0);
  });
});

test.each(names('good'))('verify finds nothing in %s', async (name) => {
  expect(await verifyImage(bytesSource(imageOf('good', name)))).toMatchObject({ ok: true, findings: [] });
});

describe('a damaged image', () => {
  test.each(names('damaged'))('%s: the rule that it is named after is found first', async (name) => {
    const report = await verifyImage(bytesSource(imageOf('damaged', name)));
    const rule = name.split('.')[0];
    // Framing is never lost but by other damage.
    expect(report.findings[rule === 'framing-lost' ? 1 : 0]?.code).toBe(rule);
    expect(report.ok).toBe(false);
    await expect(readTree(bytesSource(imageOf('damaged', name)))).rejects.toMatchObject({
      name: 'CkptError',
      code: RULES[report.findings[0]!.code].error,
      fields: { position: report.findings[0]!.position },
    });
  });

  test('is there for every rule', () => {
    expect([...new Set(names('damaged').map((name) => name.split('.')[0]))].sort()).toEqual(
      Object.keys(RULES).sort(),
    );
  });
});
