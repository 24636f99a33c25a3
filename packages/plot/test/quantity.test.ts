import { formatQuantity, type Unit } from '@ckptree/plot';
import { expect, test } from '@jest/globals';

test.each<[number, Unit, string]>([
  [0, 'bytes', '0'],
  [1, 'count', '1'],
  [10_000, 'count', '10k'],
  [2_500_000, 'count', '2.5M'],
  [64 * 2 ** 20, 'bytes', '64 MiB'],
  [1536 * 2 ** 20, 'bytes', '1.5 GiB'],
  [0.0025, 'seconds', '2.5 ms'],
  [0.000412, 'seconds', '412 µs'],
  [90, 'seconds', '90 s'],
  [900, 'seconds', '15 min'],
  [0.15, 'share', '15 %'],
  [0.0001, 'share', '0.01 %'],
  [0.00001, 'count', '1e-5'],
])('%d as %s reads %s', (value, unit, text) => {
  expect(formatQuantity(value, unit)).toBe(text);
});
