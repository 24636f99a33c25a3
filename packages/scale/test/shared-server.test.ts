import { Random, Samples, SharedServer, Simulation } from '@ckptree/scale';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';

const jobsArbitrary = fc.array(
  fc.record({
    at: fc.nat(20_000).map((ms) => ms / 1e3),
    seconds: fc.nat(5000).map((ms) => ms / 1e3),
  }),
  { minLength: 1, maxLength: 30 },
);

function run(jobs: readonly { at: number; seconds: number }[], mostForEach = 1) {
  const simulation = new Simulation();
  const server = new SharedServer(simulation, mostForEach);
  const ends = new Map<number, number>();
  for (const [index, { at, seconds }] of jobs.entries())
    simulation.after(at, () => server.work(seconds, () => ends.set(index, simulation.now)));
  simulation.run();
  return ends;
}

test('jobs that come together and are alike end together', () => {
  const ends = run([1, 2, 3].map(() => ({ at: 1, seconds: 2 })));
  for (const end of ends.values()) expect(end).toBeCloseTo(7, 9);
});

test('a short job overtakes a long one', () => {
  const ends = run([
    { at: 0, seconds: 10 },
    { at: 1, seconds: 1 },
  ]);
  expect(ends.get(1)).toBeCloseTo(3, 9);
  expect(ends.get(0)).toBeCloseTo(11, 9);
});

test('every job ends, none faster than it could alone, and all work is done', () => {
  fc.assert(
    fc.property(jobsArbitrary, fc.double({ min: 0.1, max: 1, noNaN: true }), (jobs, most) => {
      const ends = run(jobs, most);
      expect(ends.size).toBe(jobs.length);
      for (const [index, { at, seconds }] of jobs.entries())
        expect(ends.get(index)!).toBeGreaterThanOrEqual(at + seconds / most - 1e-6);
      const first = Math.min(...jobs.map(({ at }) => at));
      const work = jobs.reduce((sum, { seconds }) => sum + seconds, 0);
      expect(Math.max(...ends.values())).toBeGreaterThanOrEqual(first + work - 1e-6);
    }),
  );
});

test('with Poisson arrivals the mean stay is that of processor sharing: 1 / (1 - load)', () => {
  const simulation = new Simulation();
  const server = new SharedServer(simulation);
  const random = Random.stream(11, 'sharing');
  const stays = new Samples();
  let left = 60_000;
  const arrive = () => {
    const came = simulation.now;
    // Insensitive to the distribution (Kleinrock 1967): constant times give the same as exponential ones.
    server.work(1, () => stays.add(simulation.now - came));
    if (--left > 0) simulation.after(random.exponential(2), arrive);
  };
  simulation.after(0, arrive);
  simulation.run();
  expect(stays.mean).toBeCloseTo(2, 1);
});
