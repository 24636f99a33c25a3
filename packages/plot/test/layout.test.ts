import { renderPlot } from '@ckptree/plot';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

/** Heights at which the names of series stand, in order of the page. */
function labelHeights(svg: string, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const [, height] = new RegExp(`y="([\\d.]+)" font-size="12.5" font-weight="600">name-${index}<`).exec(
      svg,
    )!;
    return Number(height);
  }).sort((a, b) => a - b);
}

describe('labels of series', () => {
  test('never cover one another, wherever the lines end', () => {
    const ends = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(ends, (values) => {
        const series = values.map((y, index) => ({ label: `name-${index}`, points: [{ x: 1, y }] }));
        const svg = renderPlot({ title: 'ends', x: { label: 'x' }, y: { label: 'y' }, series });
        const heights = labelHeights(svg, values.length);
        for (const [index, height] of heights.slice(1).entries())
          expect(height - heights[index]!).toBeGreaterThan(12.5);
      }),
    );
  });

  test('stand beside the end of their line where there is room', () => {
    const series = [10, 50, 90].map((y, index) => ({ label: `name-${index}`, points: [{ x: 1, y }] }));
    const svg = renderPlot({ title: 'ends', x: { label: 'x' }, y: { label: 'y', domain: [0, 100] }, series });
    const [first = 0, second = 0, third = 0] = labelHeights(svg, 3);
    expect(third - second).toBeCloseTo(second - first, 0);
    expect(third - first).toBeCloseTo(0.8 * 300, 0);
  });
});

describe('ticks', () => {
  const ticks = (svg: string) =>
    [...svg.matchAll(/font-size="12" text-anchor="(?:end|middle)">([^<]*)</g)].map(([, label]) => label);
  const points = (...values: number[]) => [{ label: 'a', points: values.map((x) => ({ x, y: 1 })) }];

  test('of bytes are powers of two, of a logarithmic count powers of ten', () => {
    const svg = (unit: 'bytes' | 'count', last: number) =>
      renderPlot({
        title: 't',
        x: { label: 'x', scale: 'log', unit },
        y: { label: 'y', ticks: [] },
        series: points(last / 1000, last),
      });
    expect(ticks(svg('count', 10_000))).toEqual(['10', '100', '1k', '10k']);
    expect(ticks(svg('bytes', 2 ** 30))).toEqual(['1 MiB', '4 MiB', '16 MiB', '64 MiB', '256 MiB', '1 GiB']);
  });

  test('of minutes are round minutes', () => {
    const svg = renderPlot({
      title: 't',
      x: { label: 'x', unit: 'seconds' },
      y: { label: 'y', ticks: [] },
      series: points(900),
    });
    expect(ticks(svg)).toEqual([
      '0',
      '2 min',
      '4 min',
      '6 min',
      '8 min',
      '10 min',
      '12 min',
      '14 min',
      '16 min',
    ]);
  });

  test('of long times on a logarithmic axis are those of clocks and calendars', () => {
    const svg = renderPlot({
      title: 't',
      x: { label: 'x', scale: 'log', unit: 'seconds' },
      y: { label: 'y', ticks: [] },
      series: points(0.1, 86_400),
    });
    expect(ticks(svg)).toEqual(['100 ms', '1 s', '10 s', '1 min', '10 min', '1 h', '10 h', '1 d']);
  });

  test('stand where they are asked for', () => {
    const x = { label: 'threads', ticks: [1, 2, 4] };
    const svg = renderPlot({ title: 't', x, y: { label: 'y', ticks: [] }, series: points(1, 4) });
    expect(ticks(svg)).toEqual(['1', '2', '4']);
  });

  test('all read differently', () => {
    const last = fc.double({ min: 1e-3, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(last, fc.constantFrom('count', 'bytes', 'seconds', 'share'), (x, unit) => {
        const y = { label: 'y', ticks: [] };
        const labels = ticks(renderPlot({ title: 't', x: { label: 'x', unit }, y, series: points(x) }));
        expect(new Set(labels).size).toBe(labels.length);
        expect(labels.length).toBeGreaterThan(1);
      }),
    );
  });
});

describe('colours', () => {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (a: string, b: string) => {
    const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((one, other) => one - other);
    return (light + 0.05) / (dark + 0.05);
  };

  test.each(['light', 'dark'])(
    'of text have a contrast of 4.5 with %s ground (WCAG 2.2, 1.4.3)',
    (ground) => {
      const series = Array.from({ length: 8 }, (_, n) => ({ label: `${n}`, points: [{ x: 1, y: n }] }));
      const svg = renderPlot({ title: 't', x: { label: 'x' }, y: { label: 'y' }, series });
      const [light = '', dark = ''] = /<style>(.*)<\/style>/.exec(svg)![1]!.split('@media');
      const rules = ground === 'light' ? light : dark;
      const back = /\.ground\{fill:(#\w+)\}/.exec(rules)![1]!;
      const colours = [...rules.matchAll(/\.(?:ink|faint|s\d)\{(?:fill|color):(#\w+)\}/g)];
      expect(colours).toHaveLength(10);
      for (const [rule, colour] of colours)
        expect([rule, contrast(colour!, back) >= 4.5]).toEqual([rule, true]);
    },
  );
});
