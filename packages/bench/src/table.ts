import type { Measurement, Section } from './scenario.js';

/** A section as plain text, ratios first: they are what to quote. */
export function formatSection({ heading, measurements }: Section): string {
  const rows = measurements.map((measurement) => [
    ratioOf(measurement),
    measurement.what,
    figuresOf(measurement),
    cpuOf(measurement),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${heading}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function ratioOf({ ratio }: Measurement): string {
  if (ratio === undefined) return '';
  const goal = ratio.goal === undefined ? '' : ` (goal ${ratio.goal})`;
  return `${number(ratio.value)} x ${ratio.to}${goal}`;
}

function figuresOf({ figures, unit, tail = false }: Measurement): string {
  const { runs, median, min, p99, max } = figures;
  const slowest = tail ? `, p99 ${number(p99)}` : '';
  const spread = runs === 1 ? '' : ` (${number(min)} to ${number(max)})`;
  return `${number(median)} ${unit}${slowest}${spread}`;
}

function cpuOf({ cpuSeconds, ratio }: Measurement): string {
  if (cpuSeconds === undefined) return '';
  const held = ratio?.cpu === undefined ? '' : ` (${ratio.cpu.toFixed(2)} x)`;
  return `${number(cpuSeconds.median)} CPU s${held}`;
}

/** Three digits, never as a power of ten. */
function number(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return value.toFixed(0);
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(digits, 9));
}
