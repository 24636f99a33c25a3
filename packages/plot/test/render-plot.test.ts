import { type Plot, renderPlot } from '@ckptree/plot';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const plot = (changes: Partial<Plot> = {}): Plot => ({
  title: 'Time against size',
  x: { label: 'size', scale: 'log', unit: 'bytes' },
  y: { label: 'time', unit: 'seconds' },
  series: [
    {
      label: 'dump',
      points: [
        { x: 2 ** 30, y: 0.6 },
        { x: 2 ** 20, y: 0.002 },
      ],
    },
  ],
  ...changes,
});

const refusal = (changes: Partial<Plot>) => {
  try {
    renderPlot(plot(changes));
  } catch (error) {
    return error;
  }
  return undefined;
};

test('README: a curve with a range, beside a reference and a goal', () => {
  const svg = renderPlot({
    title: 'An incremental checkpoint costs what changed',
    subtitle: '1 GiB, pages written at random',
    source: 'npm run bench incremental',
    x: { label: 'share of pages written since the last checkpoint', unit: 'share' },
    y: { label: 'time to durable', unit: 'seconds' },
    series: [
      {
        label: 'ckptree',
        points: [
          { x: 0.01, y: 0.05, low: 0.04, high: 0.08 },
          { x: 1, y: 0.8 },
        ],
      },
      {
        label: 'linear',
        role: 'reference',
        points: [
          { x: 0, y: 0 },
          { x: 1, y: 0.8 },
        ],
      },
    ],
    limits: [{ axis: 'y', at: 1, label: 'goal: 1 s' }],
  });
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  for (const words of ['An incremental checkpoint', 'npm run bench incremental', 'goal: 1 s', '>ckptree<'])
    expect(svg).toContain(words);
});

describe('a plot says in words what it shows', () => {
  test('every point, ascending, with its units', () => {
    expect(renderPlot(plot())).toContain(
      '<desc>time against size. dump: 2 ms at 1 MiB, 600 ms at 1 GiB.</desc>',
    );
  });

  test('a pointer on a marker is told its values', () => {
    expect(renderPlot(plot())).toContain('<title>dump: 600 ms at 1 GiB</title>');
  });
});

describe('what cannot be drawn is refused with its place', () => {
  test.each<[string, Partial<Plot>, string]>([
    ['no series', { series: [] }, 'series'],
    ['a series without points', { series: [{ label: 'a', points: [] }] }, 'series/0/points'],
    [
      'a value that is no number',
      { series: [{ label: 'a', points: [{ x: 1, y: Number.NaN }] }] },
      'series/0/points/0/y',
    ],
    [
      '0 on a logarithmic axis',
      { series: [{ label: 'a', points: [{ x: 0, y: 1 }] }] },
      'series/0/points/0/x',
    ],
    ['half a range', { series: [{ label: 'a', points: [{ x: 1, y: 1, low: 0 }] }] }, 'series/0/points/0'],
    ['a point outside of the domain', { y: { label: 'y', domain: [0, 0.5] } }, 'series/0/points/0/y'],
    ['a domain that descends', { y: { label: 'y', domain: [2, 1] } }, 'y/domain'],
    ['a limit off a logarithmic axis', { limits: [{ axis: 'x', at: -1, label: 'goal' }] }, 'limits/0/at'],
    [
      'more series than can be told apart',
      { series: Array.from({ length: 9 }, (_, n) => ({ label: `${n}`, points: [{ x: 1, y: 1 }] })) },
      'series',
    ],
  ])('%s', (_, changes, field) => {
    expect(refusal(changes)).toMatchObject({ code: 'EINVAL', fields: { field } });
  });
});

describe('any plot', () => {
  const value = fc.double({ min: 1e-9, max: 1e15, noNaN: true });
  const anyPlot: fc.Arbitrary<Plot> = fc.record({
    title: fc.string({ unit: 'binary', maxLength: 200 }),
    x: fc.record({
      label: fc.string(),
      scale: fc.constantFrom('linear', 'log'),
      unit: fc.constantFrom('count', 'bytes', 'seconds', 'share'),
    }),
    y: fc.record({
      label: fc.string(),
      scale: fc.constantFrom('linear', 'log'),
      unit: fc.constantFrom('count', 'bytes', 'seconds', 'share'),
    }),
    series: fc.array(
      fc.record({
        label: fc.string({ unit: 'binary' }),
        points: fc.array(fc.record({ x: value, y: value }), { minLength: 1, maxLength: 9 }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  });

  test('gives the same bytes twice, well-formed, with no coordinate that is not a number', () => {
    fc.assert(
      fc.property(anyPlot, (any) => {
        const svg = renderPlot(any);
        expect(renderPlot(any)).toBe(svg);
        expect(svg).not.toMatch(/NaN|Infinity|undefined/u);
        expect(unbalanced(svg)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  test('a label cannot break out of its element', () => {
    const svg = renderPlot(plot({ title: '</title><script>alert(1)</script>"&' }));
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('aria-label="&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;"');
  });
});

/** The first tag that does not close what is open, if there is one. */
function unbalanced(svg: string): string | undefined {
  const open: string[] = [];
  for (const [tag, closing, name, empty] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (closing === '/') {
      if (open.pop() !== name) return tag;
    } else if (empty === '') open.push(name!);
  }
  return open.at(0);
}
