import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { byteSize, parsePid, parseTaskAtTick, wholeNumber } from '../dist/arguments.js';
import { eventsFrom } from '../dist/cluster/events-from.js';

describe('PID@TICK', () => {
  test('gives back what was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4_194_303 }), fc.maxSafeNat(), (pid, tick) => {
        expect(parseTaskAtTick(`${pid}@${tick}`)).toEqual({ pid, tick });
      }),
    );
  });

  test.each([
    '',
    '1',
    '@',
    '1@',
    '@5',
    '0@5',
    '-1@5',
    '+1@5',
    '01@5',
    '1@05',
    '1@-5',
    '1@5.5',
    '1@5e3',
    '1@0x10',
    ' 1@5',
    '1@5 ',
    '1@@5',
    '1@5@6',
    '1,2@5',
    '4194304@0',
    '1@9007199254740992',
    '1@99999999999999999999',
    '١@٥',
  ])('refuses %j', (text) => {
    expect(() => parseTaskAtTick(text)).toThrow(/must be/);
  });
});

describe('amounts of memory', () => {
  const parse = byteSize(1, 2 ** 40);

  test.each([
    ['1', 1],
    ['4096', 4096],
    ['64K', 2 ** 16],
    ['512M', 2 ** 29],
    ['4G', 2 ** 32],
    ['4g', 2 ** 32],
    ['4GiB', 2 ** 32],
    ['4GB', 2 ** 32],
    ['1T', 2 ** 40],
  ])('%s', (text, bytes) => {
    expect(parse(text)).toBe(bytes);
  });

  test.each(['', 'G', '0', '-1', '1.5G', '1X', '4 G', '4Gi B', '2T', '999999999999999T', '1e3'])(
    'refuses %j',
    (text) => {
      expect(() => parse(text)).toThrow(/must be/);
    },
  );
});

test('whole numbers keep to their range', () => {
  const parse = wholeNumber(1, 64);
  expect([parse('1'), parse('64')]).toEqual([1, 64]);
  for (const text of ['0', '65', '-1', '1.0', '', 'one', '1e1', '0x1', '99999999999999999'])
    expect(() => parse(text)).toThrow(/must be/);
  expect(parsePid('4194303')).toBe(4_194_303);
  expect(() => parsePid('0')).toThrow(/from 1 to 4194303/);
});

test('the place from which events are told', () => {
  for (const text of ['beginning', 'now'] as const) expect(eventsFrom(text)).toBe(text);
  // It goes on behind that one.
  expect(eventsFrom('1234')).toEqual({ sequence: 1235 });
  expect(eventsFrom('2026-11-23T12:00:00Z')).toEqual({ time: new Date(Date.UTC(2026, 10, 23, 12)) });
  for (const [text, ms] of [
    ['10m', 600_000],
    ['7d', 7 * 86_400_000],
  ] as const) {
    const earliest = Date.now() - ms;
    const { time } = eventsFrom(text) as { time: Date };
    expect(time.getTime()).toBeGreaterThanOrEqual(earliest);
    expect(time.getTime()).toBeLessThanOrEqual(Date.now() - ms);
  }
  for (const text of ['', '10x', '-10m', '1.5h', '0m', '999999999d', 'yesterday', '2026-13-01'])
    expect(() => eventsFrom(text)).toThrow(/must be/);
});
