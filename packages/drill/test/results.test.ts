import { DrillRecord, Results } from '@ckptree/drill';
import { expect, test } from '@jest/globals';

const DIGEST = 'd'.repeat(64);
const ends = [1_000, 1_001].map((pid) => ({ pid, ppid: 1, comm: 'idle', exitCode: 0, digest: DIGEST }));

function violationsOf(found: typeof ends, whole: boolean): readonly string[] {
  const record = new DrillRecord(() => undefined);
  const undisturbed = ends as unknown as ConstructorParameters<typeof Results>[0];
  new Results(undisturbed, record).check({ tree: 't' }, found as unknown as typeof undisturbed, whole);
  return record.violations;
}

test('a tree that ended as the undisturbed one did is right, a restarted one also without tasks that had ended before', () => {
  expect(violationsOf(ends, true)).toEqual([]);
  expect(violationsOf(ends.slice(1), false)).toEqual([]);
});

test.each([
  ['another digest', [{ ...ends[0]!, digest: 'e'.repeat(64) }, ends[1]!], false],
  ['another exit code', [{ ...ends[0]!, exitCode: 1 }, ends[1]!], false],
  ['a task that nobody knows', [...ends, { ...ends[0]!, pid: 1_002 }], false],
  ['a task that is missing where none may be', ends.slice(1), true],
])('%s is a violation', (_, found, whole) => {
  expect(violationsOf(found, whole)).toHaveLength(1);
});
