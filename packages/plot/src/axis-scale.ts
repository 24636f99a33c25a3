import { scaleLinear, scaleLog } from 'd3-scale';
import type { Axis } from './plot.js';
import { formatQuantity, stepFor } from './quantity.js';

export interface Tick {
  readonly value: number;
  readonly position: number;
  readonly label: string;
}

/** An axis that knows its place on the page. */
export interface AxisScale {
  readonly domain: readonly [number, number];
  /** Pixels. */
  position(value: number): number;
  readonly ticks: readonly Tick[];
  /** Positions of the unlabelled lines of a logarithmic axis. */
  readonly minorTicks: readonly number[];
}

const TICKS = 6;
/** Neighbouring ticks must not read the same. */
const TICK_FIGURES = 6;
/** Powers of a logarithmic axis that are labelled at most. */
const POWERS = 9;

/**
 * @param values everything that must have its place on the axis
 * @param range  pixels of the domain's first and last value
 */
export function axisScale(
  axis: Axis,
  values: readonly number[],
  range: readonly [number, number],
): AxisScale {
  return axis.scale === 'log' ? logarithmic(axis, values, range) : linear(axis, values, range);
}

function linear(axis: Axis, values: readonly number[], range: readonly [number, number]): AxisScale {
  const unit = axis.unit ?? 'count';
  const [low, high] = axis.domain ?? [Math.min(0, ...values), Math.max(0, ...values)];
  // Round numbers are those of the unit that is shown: of minutes, or of MiB.
  const step = stepFor(Math.max(Math.abs(low), Math.abs(high)), unit);
  const shown = scaleLinear(
    [low / step.size, (low === high ? low + step.size : high) / step.size],
    [...range],
  );
  if (axis.domain === undefined) shown.nice(TICKS);
  const position = (value: number) => shown(value / step.size);
  const ticks = axis.ticks ?? shown.ticks(TICKS).map((tick) => tick * step.size);
  const [first, last] = shown.domain() as [number, number];
  return {
    domain: [first * step.size, last * step.size],
    position,
    ticks: ticks.map((value) => ({
      value,
      position: position(value),
      label: formatQuantity(value, unit, axis.ticks === undefined ? step : undefined, TICK_FIGURES),
    })),
    minorTicks: [],
  };
}

function logarithmic(axis: Axis, values: readonly number[], range: readonly [number, number]): AxisScale {
  const unit = axis.unit ?? 'count';
  const base = unit === 'bytes' ? 2 : 10;
  const [low, high] = axis.domain ?? padded(Math.min(...values), Math.max(...values));
  const scale = scaleLog([low, high], [...range]).base(base);
  const inside = (value: number) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const ticks = (axis.ticks ?? powers(low, high, base)).filter(inside);
  const between =
    base === 10 ? decades(low, high).flatMap((at) => [2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * at)) : [];
  return {
    domain: [low, high],
    position: (value) => scale(value),
    ticks: ticks.map((value) => ({
      value,
      position: scale(value),
      label: formatQuantity(value, unit, undefined, TICK_FIGURES),
    })),
    minorTicks: axis.ticks === undefined ? between.filter(inside).map((value) => scale(value)) : [],
  };
}

/** Room for a marker at both ends, and for a line that is flat. */
function padded(low: number, high: number): [number, number] {
  return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.04, high * (high / low) ** 0.04];
}

function decades(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.floor(Math.log10(high));
  return Array.from({ length: last - first + 1 }, (_, index) => Number(`1e${first + index}`));
}

/** Powers of the base, or every second, third ... of them; where they are few, what lies between. */
function powers(low: number, high: number, base: 2 | 10): number[] {
  if (base === 10) {
    const tens = decades(low, high);
    const inside = tens.filter((value) => value >= low).length;
    if (inside < 3) return tens.flatMap((at) => [at, 2 * at, 5 * at]);
    const every = Math.ceil(inside / POWERS);
    return tens.filter((_, index) => index % every === 0);
  }
  const first = Math.ceil(Math.log2(low) - 1e-9);
  const count = Math.floor(Math.log2(high) + 1e-9) - first + 1;
  const every = Math.ceil(count / POWERS);
  return Array.from({ length: Math.ceil(count / every) }, (_, index) => 2 ** (first + index * every));
}
