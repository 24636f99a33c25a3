import { InvalidArgumentError } from 'commander';
import { asGiven, DURATION_UNITS, SIZE_UNITS } from './units.js';

/** A task, and how many ticks it has executed. */
export interface TaskAtTick {
  readonly pid: number;
  readonly tick: number;
}

/** Linux's largest PID_MAX_LIMIT is 2^22. */
const MAX_PID = 2 ** 22;

/**
 * `PID@TICK`, in decimal without signs, spaces or leading zeros.
 * @throws InvalidArgumentError
 */
export function parseTaskAtTick(text: string): TaskAtTick {
  const [, pid, tick] = /^([1-9]\d{0,9})@(0|[1-9]\d{0,15})$/.exec(text) ?? [];
  if (pid === undefined || tick === undefined)
    throw new InvalidArgumentError(
      'It must be PID@TICK, for example 1@5000: when task 1 has executed 5000 ticks.',
    );
  return {
    pid: inRange(Number(pid), 1, MAX_PID - 1, 'PID'),
    tick: inRange(Number(tick), 0, Number.MAX_SAFE_INTEGER, 'TICK'),
  };
}

/** A parser for a pid. */
export const parsePid = (text: string): number => wholeNumber(1, MAX_PID - 1)(text);

/** A parser for whole numbers from `least` to `most`, in decimal. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,16}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
    return inRange(Number(text), least, most, 'It');
  };
}

/** A parser for amounts of memory: bytes, or with a unit of K, M, G or T (powers of 1024; `4G`, `4GiB` and `4g` are the same). */
export function byteSize(least: number, most: number): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d{1,15})(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? [];
    if (digits === undefined)
      throw new InvalidArgumentError('It must be an amount of memory, such as 512M or 4G.');
    const bytes =
      Number(digits) * (unit === undefined ? 1 : SIZE_UNITS[unit.toUpperCase() as keyof typeof SIZE_UNITS]);
    if (bytes < least || bytes > most)
      throw new InvalidArgumentError(
        `It must be from ${asGiven(least, SIZE_UNITS)} to ${asGiven(most, SIZE_UNITS)}.`,
      );
    return bytes;
  };
}

/** `30s`, `5m`, `250ms`, in milliseconds. @throws InvalidArgumentError */
function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (digits === undefined)
    throw new InvalidArgumentError('It must be a number and a unit of ms, s, m, h or d, such as 30s.');
  return Number(digits) * DURATION_UNITS[unit as keyof typeof DURATION_UNITS];
}

/** A parser for times from `least` to `most`, which are said as users say them. */
export function durationBetween(least: string, most: string): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text);
    if (ms < parseDuration(least) || ms > parseDuration(most))
      throw new InvalidArgumentError(`It must be from ${least} to ${most}.`);
    return ms;
  };
}

/** The fields of cron; what may stand in them the cluster knows. @throws InvalidArgumentError */
export function parseCron(text: string): string {
  if (/^\s*\S+(\s+\S+){4,5}\s*$/.test(text)) return text.trim();
  throw new InvalidArgumentError(
    "It must be the five fields of cron, for example '0 3 * * *': every night at 3.",
  );
}

/** The id of a checkpoint or of a schedule, which may have any name. @throws InvalidArgumentError */
export function parseCancellable(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) return text;
  throw new InvalidArgumentError(
    'It must be the whole id of a checkpoint, such as 20261123t153926123-7f3a9c2e, or of a schedule, such as s-17356a84-db59.',
  );
}

/** `PID=WORKER`, one more each time. @throws InvalidArgumentError */
export function placement(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, pid, worker] = /^([1-9]\d{0,6})=([a-z0-9][a-z0-9-]{0,62})$/.exec(text) ?? [];
  if (pid === undefined || worker === undefined)
    throw new InvalidArgumentError('It must be PID=WORKER, for example 2=worker-1.');
  return { ...before, [pid]: worker };
}

function inRange(value: number, least: number, most: number, what: string): number {
  if (value < least || value > most)
    throw new InvalidArgumentError(`${what} must be from ${least} to ${most}.`);
  return value;
}
