import fc from 'fast-check';

/** What a spec says of one task; children come with pids of their own, far enough apart for those that they fork. */
export interface TaskSpec {
  pid?: number;
  program: string;
  params?: object;
  share?: string[];
  session?: boolean;
  open?: { fd: number; file: string }[];
  children?: TaskSpec[];
}

/** Pids between one task of a spec and the next: room for those of its forks. */
const PID_STEP = 500;

/** Programs of every kind, small enough that a run takes some ten milliseconds. @param text a file with words */
function programs(text: string): fc.Arbitrary<TaskSpec> {
  const seed = fc.nat(1000);
  return fc.oneof(
    fc.record({
      program: fc.constant('sieve'),
      params: fc.record({ limit: fc.integer({ min: 100, max: 60_000 }) }),
    }),
    fc.record({
      program: fc.constant('kvstore'),
      params: fc.record({
        workingSetMiB: fc.constant(1),
        operations: fc.integer({ min: 1, max: 4000 }),
        writePercent: fc.nat(100),
        seed,
      }),
    }),
    fc.record({
      program: fc.constant('forktree'),
      params: fc.record({
        depth: fc.integer({ min: 0, max: 2 }),
        fanout: fc.integer({ min: 1, max: 3 }),
        pages: fc.integer({ min: 1, max: 40 }),
        work: fc.nat(60),
        seed,
      }),
    }),
    fc.record({
      program: fc.constant('threads'),
      params: fc.record({
        members: fc.integer({ min: 1, max: 4 }),
        kind: fc.constantFrom('threads', 'processes'),
        blocks: fc.nat(32),
        seed,
      }),
    }),
    fc.constant({ program: 'threads', params: { members: 3, kind: 'processes', file: text } }),
    fc.constant({ program: 'wordcount', params: { path: text, passes: 2 } }),
    fc.record({
      program: fc.constant('zombies'),
      params: fc.record({ count: fc.integer({ min: 1, max: 6 }), ticks: fc.nat(100) }),
    }),
    fc.constant({
      program: 'shell',
      params: {
        commands: [
          { program: 'sieve', params: { limit: 5000 }, session: true },
          { program: 'idle', params: { ticks: 30 }, group: true },
        ],
      },
    }),
    fc.record({
      program: fc.constant('idle'),
      params: fc.record({
        memoryMiB: fc.nat(1),
        pattern: fc.constantFrom('random', 'zero', 'text'),
        ticks: fc.nat(300),
        writesPerTick: fc.nat(3),
        ldtEntries: fc.nat(4),
        seed,
      }),
    }),
  );
}

/** When, as shares of what a task does: all are as likely, while most doubles below 1 are next to 0. */
export const shares = fc.nat(999).map((thousandths) => thousandths / 1000);

/** Trees of one to five such tasks, of any shape, some in sessions of their own. @param text a file with words */
export function trees(text: string): fc.Arbitrary<TaskSpec> {
  const node = fc.tuple(programs(text), fc.boolean(), fc.nat(100));
  return fc.array(node, { minLength: 1, maxLength: 5 }).map((nodes) => {
    const tasks = nodes.map(
      ([task, session], index): TaskSpec => ({ ...task, pid: 1 + index * PID_STEP, session, children: [] }),
    );
    tasks.forEach((task, index) => {
      if (index > 0) tasks[nodes[index]![2] % index]!.children!.push(task);
    });
    return tasks[0]!;
  });
}
