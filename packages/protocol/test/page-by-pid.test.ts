import { pageByPid } from '@ckptree/protocol';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';

const rows = fc.array(fc.record({ pid: fc.integer({ min: 1, max: 30 }), comm: fc.string({ maxLength: 2 }) }));

/** A list that changes with every page: what stays is there all the time, of what comes and goes any part. */
test('what stays is told once, whatever comes and goes between two pages', () => {
  fc.assert(
    fc.property(rows, fc.infiniteStream(rows), fc.integer({ min: 1, max: 7 }), (stay, passing, limit) => {
      const told: { readonly pid: number }[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const now = [...stay, ...passing.next().value].sort((one, other) => one.pid - other.pid);
        const page: ReturnType<typeof pageByPid> = pageByPid(now, { after, limit });
        told.push(...page.rows);
        after = page.next;
      }
      expect(told.filter((row) => (stay as readonly object[]).includes(row))).toEqual(
        stay.toSorted((one, other) => one.pid - other.pid),
      );
    }),
  );
});
