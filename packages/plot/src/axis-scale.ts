import { scaleLinear, scaleLog } from 'd3-scale';
import type { Axis, Unit } from './plot.js';
import { formatQuantity, largestStep, stepFor } from './quantity.js';

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
/** Ticks of a logarithmic axis at most. */
const LOG_TICKS = 9;

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
  const [low, high] = axis.domain ?? padded(Math.min(...values), Math.max(...values));
  const scale = scaleLog([low, high], [...range]).base(unit === 'bytes' ? 2 : 10);
  const inside = (value: number) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const ticks = (axis.ticks ?? logTicks(low, high, unit)).filter(inside);
  // Between minutes and hours tenths say nothing.
  const tenths = axis.ticks === undefined && unit !== 'bytes' && !(unit === 'seconds' && high > MINUTE);
  const between = tenths
    ? decades(low, high).flatMap((at) => [2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * at))
    : [];
  return {
    domain: [low, high],
    position: (value) => scale(value),
    ticks: ticks.map((value) => ({
      value,
      position: scale(value),
      label: formatQuantity(value, unit, largestStep(value, unit), TICK_FIGURES),
    })),
    minorTicks: between.filter(inside).map((value) => scale(value)),
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

/** Round values of the unit, or every second, third ... of them; where they are few, what lies between. */
function logTicks(low: number, high: number, unit: Unit): number[] {
  if (unit === 'bytes') return thinned(powersOfTwo(low, high));
  const round = (steps: readonly number[]) => {
    const values = decades(low, high).flatMap((at) => steps.map((step) => step * at));
    const all = unit === 'seconds' ? clockTimes(values, steps) : values;
    return all.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  };
  const coarse = round([1]);
  return coarse.length < 3 ? round([1, 2, 5]) : thinned(coarse);
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From a minute on people do not count in powers of ten seconds. */
function clockTimes(values: readonly number[], steps: readonly number[]): number[] {
  const long = [MINUTE, HOUR, DAY].flatMap((size) =>
    [1, 10].flatMap((ten) => steps.map((step) => step * ten * size)),
  );
  const days = values.filter((value) => value >= 1e7).map((value) => Math.round(value / 1e5) * DAY);
  return [...new Set([...values.filter((value) => value < MINUTE), ...long, ...days])].sort((a, b) => a - b);
}

function thinned(ticks: readonly number[]): number[] {
  const every = Math.ceil(ticks.length / LOG_TICKS);
  return ticks.filter((_, index) => index % every === 0);
}

function powersOfTwo(low: number, high: number): number[] {
  const first = Math.ceil(Math.log2(low) - 1e-9);
  const last = Math.floor(Math.log2(high) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => 2 ** (first + index));
}
