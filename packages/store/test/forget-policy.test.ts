import type { Manifest } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { forgottenBy } from '../dist/forget-policy.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const HOUR = 3_600_000;

/** Checkpoints of so many hours ago, oldest first. */
const aged = (hours: readonly number[], name?: string): Manifest[] =>
  [...hours]
    .sort((a, b) => b - a)
    .map((hour) => {
      const created = new Date(NOW.getTime() - hour * HOUR).toISOString();
      return { id: created, created, ...(name !== undefined && { name }) } as Manifest;
    });

const ages = (manifests: readonly Manifest[]): number[] =>
  manifests.map(({ created }) => (NOW.getTime() - Date.parse(created)) / HOUR);

describe('a policy', () => {
  const all = aged([0, 0.5, 1, 2, 24, 25, 48, 24 * 8, 24 * 30]);

  test.each<[string, object, number[]]>([
    ['without rules keeps all', {}, []],
    ['with a rule that is not known here keeps all', { keep_last: 1 }, []],
    ['with a rule that keeps nothing keeps all', { keepLast: 0 }, []],
    ['keeps the last', { keepLast: 2 }, [720, 192, 48, 25, 24, 2, 1]],
    ['keeps the newest of each hour', { keepHourly: 2 }, [720, 192, 48, 25, 24, 2, 1]],
    ['keeps the newest of each day', { keepDaily: 2 }, [720, 192, 48, 25, 2, 1, 0.5]],
    ['keeps the newest of each week', { keepWeekly: 3 }, [720, 48, 25, 2, 1, 0.5]],
    ['keeps what is young', { keepWithinMs: 25.5 * HOUR }, [720, 192, 48]],
    ['keeps what any rule keeps', { keepLast: 1, keepDaily: 9 }, [25, 2, 1, 0.5]],
  ])('%s', (_name, policy, forgotten) => {
    expect(ages(forgottenBy(policy, all, NOW))).toEqual(forgotten);
  });

  test('looks at each name by itself', () => {
    const both = [...aged([1, 2], 'a'), ...aged([3, 4], 'b')];
    expect(ages(forgottenBy({ keepLast: 1 }, both, NOW))).toEqual([2, 4]);
  });
});
