import { Random, Samples, Simulation, Station } from '@ckptree/scale';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const SEED = 20_100_212;
/** Digits: within 16 %, for means of correlated waits over not too many jobs. */
const NEAR = 0.5;

test('README: jobs that come to one core', () => {
  const simulation = new Simulation();
  const core = new Station(simulation);
  const random = Random.stream(1, 'arrivals');
  for (let at = 0; at < 1000; at += random.exponential(2)) simulation.after(at, () => core.serve(1));
  simulation.run();
  expect(core.figures.served).toBe(core.figures.busy);
  expect(core.figures.longestWait).toBeGreaterThan(0);
});

/** A queue with Poisson arrivals. @returns the mean time that a job waits, in units of the mean service time */
function meanWait(load: number, servers: number, service: (random: Random) => number, jobs: number): number {
  const simulation = new Simulation();
  const station = new Station(simulation, servers);
  const random = Random.stream(SEED, `queue ${load} ${servers}`);
  let arrived = 0;
  const arrive = () => {
    station.serve(service(random));
    if (++arrived < jobs) simulation.after(random.exponential(1 / (load * servers)), arrive);
  };
  simulation.after(0, arrive);
  simulation.run();
  return station.figures.waited / jobs;
}

/** Erlang's C formula: the chance that a job waits in an M/M/c queue. */
function erlangC(load: number, servers: number): number {
  const offered = load * servers;
  let term = 1;
  let sum = 1;
  for (let busy = 1; busy < servers; busy++) {
    term *= offered / busy;
    sum += term;
  }
  const all = (term * offered) / servers / (1 - load);
  return all / (sum + all);
}

describe('waiting times are those of queueing theory (Kleinrock, Queueing Systems, vol. 1, 1975)', () => {
  const JOBS = 200_000;
  const exponential = (random: Random) => random.exponential(1);
  const constant = () => 1;

  test.each([0.3, 0.5, 0.7])('M/M/1 at load %d: load / (1 - load)', (load) => {
    expect(meanWait(load, 1, exponential, JOBS) / (load / (1 - load))).toBeCloseTo(1, NEAR);
  });

  test.each([0.3, 0.5, 0.7])('M/D/1 at load %d: half of that', (load) => {
    expect(meanWait(load, 1, constant, JOBS) / (load / (2 * (1 - load)))).toBeCloseTo(1, NEAR);
  });

  test.each([2, 4])('M/M/%d at load 0.7: by the Erlang C formula', (servers) => {
    const expected = erlangC(0.7, servers) / (servers * (1 - 0.7));
    expect(meanWait(0.7, servers, exponential, JOBS) / expected).toBeCloseTo(1, NEAR);
  });
});

describe('a station', () => {
  const jobs = fc.array(
    fc.record({
      gap: fc.nat(5000).map((ms) => ms / 1e3),
      seconds: fc.nat(5000).map((ms) => ms / 1e3),
    }),
    { minLength: 1, maxLength: 60 },
  );

  const runJobs = (all: readonly { gap: number; seconds: number }[], servers: number) => {
    const simulation = new Simulation();
    const station = new Station(simulation, servers);
    const ends: number[] = [];
    const starts: number[] = [];
    let at = 0;
    for (const { gap, seconds } of all) {
      at += gap;
      simulation.after(at, () => {
        const end = station.serve(seconds, () => ends.push(simulation.now));
        starts.push(end - seconds);
      });
    }
    simulation.run();
    return { figures: station.figures, ends, starts, end: simulation.now };
  };

  test('serves every job once, works no longer than it has time, and starts them in order', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 4 }), (all, servers) => {
        const { figures, ends, starts, end } = runJobs(all, servers);
        expect(ends).toHaveLength(all.length);
        expect(figures.served).toBe(all.length);
        const work = all.reduce((sum, { seconds }) => sum + seconds, 0);
        expect(figures.busy).toBeCloseTo(work, 9);
        expect(figures.busy).toBeLessThanOrEqual(servers * end + 1e-9);
        for (const [index, start] of starts.slice(1).entries())
          expect(start).toBeGreaterThanOrEqual(starts[index]! - 1e-9);
      }),
    );
  });

  test('never waits longer for having one more server', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 4 }), (all, servers) => {
        const few = runJobs(all, servers).figures.waited;
        expect(runJobs(all, servers + 1).figures.waited).toBeLessThanOrEqual(few + 1e-9);
      }),
    );
  });
});

describe('a simulation', () => {
  test('runs actions in the order of their times, whatever the order in which they were asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (delays) => {
        const simulation = new Simulation();
        const times: number[] = [];
        for (const delay of delays) simulation.after(delay, () => times.push(simulation.now));
        simulation.run();
        expect(times).toEqual(delays.toSorted((a, b) => a - b));
      }),
    );
  });

  test('stops at a time and goes on from there', () => {
    const simulation = new Simulation();
    const seen: number[] = [];
    for (const delay of [1, 2, 3]) simulation.after(delay, () => seen.push(delay));
    simulation.run(2);
    expect([seen, simulation.now]).toEqual([[1, 2], 2]);
    simulation.run();
    expect(seen).toEqual([1, 2, 3]);
  });

  test.each([-1, Number.NaN])('refuses an action after %d s', (delay) => {
    expect(() => new Simulation().after(delay, () => undefined)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});

describe('random numbers', () => {
  const COUNT = 40_000;
  const draw = (name: string, one: (random: Random) => number) => {
    const random = Random.stream(SEED, name);
    const samples = new Samples();
    for (let index = 0; index < COUNT; index++) samples.add(one(random));
    return samples;
  };

  test('the same seed and name give the same, another name others', () => {
    const first = (name: string) =>
      Array.from(
        { length: 5 },
        (
          (r) => () =>
            r.uniform()
        )(Random.stream(1, name)),
      );
    expect(first('a')).toEqual(first('a'));
    expect(first('a')).not.toEqual(first('b'));
  });

  test('have the means and quantiles of their distributions', () => {
    expect(draw('exponential', (r) => r.exponential(3)).mean).toBeCloseTo(3, 1);
    const pareto = draw('pareto', (r) => r.pareto(1, 1.5));
    expect(1 - pareto.shareAtMost(4)).toBeCloseTo(4 ** -1.5, 2);
    expect(pareto.quantile(0)).toBeGreaterThanOrEqual(1);
    expect(draw('binomial', (r) => r.binomial(1000, 0.01)).mean).toBeCloseTo(10, 0);
  });

  test('a binomial of certain and of impossible trials', () => {
    const random = Random.stream(SEED, 'edges');
    expect([random.binomial(7, 1), random.binomial(7, 0), random.binomial(0, 0.5)]).toEqual([7, 0, 0]);
  });
});

test('a quantile is the smallest value that as large a share does not exceed', () => {
  const samples = new Samples();
  for (const value of [5, 1, 4, 2, 3]) samples.add(value);
  expect([0, 0.2, 0.21, 0.5, 1].map((share) => samples.quantile(share))).toEqual([1, 1, 2, 3, 5]);
});
