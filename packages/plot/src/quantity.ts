import type { Unit } from './plot.js';

interface Step {
  readonly size: number;
  readonly name: string;
}

/** Ascending. The name is put behind the number, with its space if it has one. */
const STEPS: Readonly<Record<Unit, readonly Step[]>> = {
  count: [
    { size: 1, name: '' },
    { size: 1e3, name: 'k' },
    { size: 1e6, name: 'M' },
    { size: 1e9, name: 'G' },
    { size: 1e12, name: 'T' },
  ],
  bytes: ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].map((name, power) => ({
    size: 1024 ** power,
    name: ` ${name}`,
  })),
  seconds: [
    { size: 1e-9, name: ' ns' },
    { size: 1e-6, name: ' µs' },
    { size: 1e-3, name: ' ms' },
    { size: 1, name: ' s' },
    { size: 60, name: ' min' },
    { size: 3600, name: ' h' },
    { size: 86_400, name: ' d' },
  ],
  share: [{ size: 0.01, name: ' %' }],
};

/** Minutes come in sixties: a tick at 1000 s is clearer as that until it is hours. */
const MINUTE = 60;
const SECONDS_UNTIL = 120;

/** The largest step that does not make the value less than 1. */
export function largestStep(value: number, unit: Unit): Step {
  const magnitude = Math.abs(value);
  const steps = STEPS[unit];
  if (magnitude === 0) return steps.find(({ size }) => size === 1) ?? steps[0]!;
  return steps.findLast(({ size }) => magnitude >= size * (1 - 1e-9)) ?? steps[0]!;
}

/** The same, but seconds for a little longer. */
export function stepFor(value: number, unit: Unit): Step {
  const step = largestStep(value, unit);
  const minutes = unit === 'seconds' && step.size === MINUTE && Math.abs(value) < SECONDS_UNTIL;
  return minutes ? largestStep(1, unit) : step;
}

/** Three figures and a unit: `64 MiB`, `2.5 ms`, `10k`, `15 %`. @param figures more of them, for what must be exact */
export function formatQuantity(
  value: number,
  unit: Unit,
  step: Step = stepFor(value, unit),
  figures = 3,
): string {
  if (value === 0) return '0';
  return `${trim(value / step.size, figures)}${step.name}`;
}

function trim(value: number, figures: number): string {
  const rounded = Number(value.toPrecision(figures));
  const magnitude = Math.abs(rounded);
  if (magnitude >= 1e-4 && magnitude < 1e7) return String(rounded);
  return rounded.toExponential().replace('e+', 'e');
}
