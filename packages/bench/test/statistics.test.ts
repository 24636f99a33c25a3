import { expect, test } from '@jest/globals';
import { figures } from '../src/statistics.js';

test.each([
  [[3], 3],
  [[4, 1], 2.5],
  [[5, 1, 2], 2],
  [[4, 1, 2, 8], 3],
])('the median of %j is %d', (values, median) => {
  expect(figures(values).median).toBe(median);
});

test('there is no median of nothing', () => {
  expect(figures([]).median).toBeNaN();
});
