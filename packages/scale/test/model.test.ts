import {
  ASSUMPTIONS,
  bestInterval,
  COSTS,
  type Costs,
  fits,
  leastBarrier,
  lostShare,
  mergeSeconds,
  prepareSeconds,
  Random,
  ROUTES,
  Samples,
  type Straggling,
  sealRate,
  serviceRate,
  simulateCoordinators,
  simulateCut,
  simulateDump,
  simulateSchedule,
  straggling,
  TOPOLOGIES,
  tryCut,
} from '@ckptree/scale';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const SEED = 7;
/** Round numbers: the models are held to arithmetic, not to a machine. */
const costs: Costs = {
  ...(Object.fromEntries(Object.keys(COSTS).map((name) => [name, 1e-6])) as Costs),
  compressRatio: 5,
  hashRate: 5e9,
  compressRate: 5e8,
  diskRate: 1e9,
  diskObject: 1e-3,
};
const free: Costs = { ...costs, ...Object.fromEntries(Object.keys(COSTS).map((name) => [name, 0])) };
const never: Straggling = { draw: () => 0, drawLatest: () => 0, later: () => 0, allWithin: () => 1 };
const exponential: Straggling = { ...never, draw: (random) => random.exponential(1) };
const tree = { workers: 8, tasksPerWorker: 1_000, memoryPerTask: 4 * 2 ** 20, topology: 'fan-out' } as const;
const stream = (name: string) => Random.stream(SEED, name);

describe('stragglers', () => {
  const late = straggling(ASSUMPTIONS);

  test('are as often later than any time as the closed form says', () => {
    const random = stream('stragglers');
    const drawn = new Samples();
    for (let count = 0; count < 60_000; count++) drawn.add(late.draw(random));
    for (const seconds of [0.0005, 0.002, 0.01, 0.05, 0.2])
      expect(1 - drawn.shareAtMost(seconds)).toBeCloseTo(late.later(seconds), 2);
  });

  test.each([1, 30, 1_000])(
    'the latest of %d, drawn at once, is distributed as the latest of as many',
    (workers) => {
      const random = stream(`latest ${workers}`);
      const drawn = new Samples();
      for (let count = 0; count < 3_000; count++) drawn.add(late.drawLatest(random, workers));
      for (const share of [0.1, 0.5, 0.9])
        expect(late.allWithin(drawn.quantile(share), workers)).toBeCloseTo(share, 1);
    },
  );

  test('the latest of more is never likelier to be in time', () => {
    const seconds = fc.double({ min: 1e-6, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(seconds, fc.integer({ min: 1, max: 1e5 }), (within, workers) => {
        const share = late.allWithin(within, workers);
        expect(share).toBeGreaterThanOrEqual(late.allWithin(within, workers + 1));
        expect(share).toBeLessThanOrEqual(late.allWithin(within * 2, workers));
      }),
    );
  });
});

describe('a cut of a tree', () => {
  test.each(TOPOLOGIES)('by %s: the same seed gives the same cut', (topology) => {
    const once = () => simulateCut({ ...tree, topology }, costs, ASSUMPTIONS, stream('once'));
    expect(once()).toEqual(once());
  });

  test('takes, with nobody late, the messages and the work of one worker after another', () => {
    const { barrier } = simulateCut({ ...tree, straggling: never }, costs, ASSUMPTIONS, stream('least'));
    const { workers, tasks } = ASSUMPTIONS;
    const assumed = { ...ASSUMPTIONS, workers: 1, tasks: tasks / workers, memoryPerTask: tree.memoryPerTask };
    expect(barrier).toBeCloseTo(leastBarrier(tree.workers, costs, assumed), 5);
  });

  test('takes the coordinator one request for each worker and round', () => {
    const { coordinatorBusy } = simulateCut(
      { ...tree, topology: 'requests' },
      costs,
      ASSUMPTIONS,
      stream('busy'),
    );
    expect(coordinatorBusy).toBeCloseTo(2 * tree.workers * costs.clientRequest, 12);
  });

  test('with exponential stragglers and nothing else takes the harmonic number of its workers', () => {
    const barrier = new Samples();
    const random = stream('harmonic');
    const workers = 50;
    for (let cut = 0; cut < 1_000; cut++)
      barrier.add(
        simulateCut({ ...tree, workers, straggling: exponential }, free, { ...ASSUMPTIONS, hop: 0 }, random)
          .barrier,
      );
    const harmonic = Array.from({ length: workers }, (_, index) => 1 / (index + 1)).reduce((a, b) => a + b);
    expect(barrier.mean / harmonic).toBeCloseTo(1, 1);
  });

  test('on shared cores takes its turn for each worker', () => {
    const alone = { ...tree, workers: 6, straggling: never };
    const assumed = { ...ASSUMPTIONS, hop: 0 };
    const { barrier } = simulateCut(
      { ...alone, sharedCores: 2 },
      { ...free, snapshotTask: 1e-6 },
      assumed,
      stream('shared'),
    );
    expect(barrier).toBeCloseTo(3 * prepareSeconds(tree, { ...free, snapshotTask: 1e-6 }), 9);
  });

  test('nobody stands still for less than its own work, or longer than the longest', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(...TOPOLOGIES),
        fc.integer(),
        (workers, topology, seed) => {
          const cut = simulateCut(
            { ...tree, workers, topology },
            costs,
            ASSUMPTIONS,
            Random.stream(seed, 'still'),
          );
          const work = prepareSeconds(tree, costs);
          expect(cut.barrier).toBeGreaterThan(work);
          expect(cut.meanDowntime).toBeGreaterThan(work);
          expect(cut.longestDowntime).toBeGreaterThanOrEqual(cut.meanDowntime - 1e-12);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('leases', () => {
  const answers = { workers: 200, least: 0.005, straggling: straggling(ASSUMPTIONS) };

  test('fit in the simulation as often as the closed form says', () => {
    const random = stream('leases');
    const barrier = new Samples();
    const workers = 200;
    for (let cut = 0; cut < 600; cut++)
      barrier.add(simulateCut({ ...tree, workers }, costs, ASSUMPTIONS, random).barrier);
    const { workers: all, tasks } = ASSUMPTIONS;
    const assumed = { ...ASSUMPTIONS, workers: 1, tasks: tasks / all, memoryPerTask: tree.memoryPerTask };
    const least = leastBarrier(workers, costs, assumed);
    for (const lease of [0.03, 0.06, 0.1, 0.2])
      expect(barrier.shareAtMost(lease)).toBeCloseTo(fits({ ...answers, least }, lease, 0), 1);
  });

  test('a lost worker never answers', () => {
    expect(fits({ ...answers, workers: 10 }, 1e9, 0.1)).toBeCloseTo(0.9 ** 10, 5);
  });

  test('no policy lets tasks stand still longer at a time than its lease, or try more than five times', () => {
    const policy = fc.oneof(
      fc.record({
        kind: fc.constantFrom('retry' as const, 'double' as const),
        lease: fc.double({ min: 0.01, max: 1, noNaN: true }),
      }),
      fc.record({
        kind: fc.constant('renew' as const),
        lease: fc.constant(0.01),
        limit: fc.double({ min: 0.01, max: 5, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(policy, fc.integer({ min: 1, max: 20_000 }), fc.integer(), (chosen, workers, seed) => {
        const outcome = tryCut(chosen, { ...answers, workers }, Random.stream(seed, 'policy'));
        const most = {
          retry: chosen.lease,
          double: chosen.lease * 16,
          renew: 'limit' in chosen ? chosen.limit : 0,
        };
        expect(outcome.longest).toBeLessThanOrEqual(most[chosen.kind] + 1e-9);
        expect(outcome.tries).toBeLessThanOrEqual(5);
        expect(outcome.stoodStill).toBeGreaterThanOrEqual(outcome.longest);
        if (!outcome.succeeded) expect(outcome.tries).toBe(5);
      }),
    );
  });

  test("Young's interval loses least", () => {
    const cost = fc.double({ min: 1e-3, max: 60, noNaN: true });
    const between = fc.double({ min: 1e4, max: 1e8, noNaN: true });
    fc.assert(
      fc.property(
        cost,
        between,
        fc.double({ min: 0.2, max: 5, noNaN: true }),
        (seconds, failures, factor) => {
          const best = bestInterval(seconds, failures);
          expect(lostShare(best, seconds, failures)).toBeLessThanOrEqual(
            lostShare(best * factor, seconds, failures) * (1 + 1e-9),
          );
        },
      ),
    );
  });
});

describe('a dump of all workers', () => {
  const dump = {
    workers: 40,
    bytesPerWorker: 2 ** 32,
    services: 4,
    uploadBytes: 2 ** 26,
    window: 2,
  } as const;

  test('stores every byte, and no faster than services write and workers seal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(...ROUTES),
        (workers, services, window, route) => {
          const figures = simulateDump(
            { ...dump, workers, services, window, route },
            costs,
            ASSUMPTIONS,
            stream('dump'),
          );
          const perWorker = dump.bytesPerWorker / costs.compressRatio;
          expect(figures.stored).toBeCloseTo(perWorker * workers, 0);
          expect(figures.busy).toBeLessThanOrEqual(1 + 1e-9);
          expect(figures.last).toBeGreaterThanOrEqual(
            Math.max(
              figures.stored / services / serviceRate(costs, ASSUMPTIONS),
              perWorker / sealRate(costs, ASSUMPTIONS),
            ),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test('is done no later for being dealt out evenly than at random', () => {
    const last = (route: (typeof ROUTES)[number]) =>
      simulateDump({ ...dump, route }, costs, ASSUMPTIONS, stream('routes')).last;
    expect(last('own')).toBeLessThanOrEqual(last('random'));
    expect(last('least of two')).toBeLessThanOrEqual(last('random'));
  });
});

describe('checkpoints of many trees', () => {
  const schedule = { trees: 30, interval: 100, rounds: 2, work: 2, mostForEach: 0.25 } as const;

  test('together share storage, and end together', () => {
    const figures = simulateSchedule({ ...schedule, start: 'together' }, stream('together'));
    expect(figures.durableLast).toBeCloseTo(30 * 2, 6);
    expect(figures.heldMedian).toBeCloseTo(30 * 2, 6);
    expect(figures.snapshots).toBe(30);
  });

  test('let in by fours take as long in all, but hold snapshots only while they dump', () => {
    const figures = simulateSchedule({ ...schedule, start: 'together', admitted: 4 }, stream('gate'));
    expect(figures.durableLast).toBeCloseTo(30 * 2 + 4, 6);
    expect(figures.heldLast).toBeCloseTo(4 * 2, 6);
    expect(figures.snapshots).toBe(4);
  });

  test('never hold more snapshots than were admitted, and always finish', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('together' as const, 'spread' as const),
        (admitted, start) => {
          const figures = simulateSchedule({ ...schedule, start, admitted }, stream('many'));
          expect(figures.snapshots).toBeLessThanOrEqual(admitted);
          expect(figures.heldMedian).toBeGreaterThanOrEqual(schedule.work / schedule.mostForEach - 1e-9);
          expect(figures.durableLast).toBeGreaterThanOrEqual(figures.heldLast - 1e-9);
        },
      ),
    );
  });
});

describe('coordinators', () => {
  const cluster = {
    trees: 100,
    tasksPerTree: 1_000,
    workersPerTree: 2,
    interval: 100,
    coordinators: 1,
    merge: 'event loop',
    dump: 5,
    polled: false,
    time: 1_000,
  } as const;
  const dear: Costs = { ...costs, mergeTask: 3e-4 };

  test('are as busy as what they are given to merge', () => {
    const { busy } = simulateCoordinators(cluster, dear, ASSUMPTIONS, stream('load'));
    expect(busy).toBeCloseTo(
      (cluster.trees / cluster.interval) * cluster.tasksPerTree * mergeSeconds(dear),
      1,
    );
  });

  test('share trees, and are free for answers while threads merge', () => {
    const run = (changes: object) =>
      simulateCoordinators({ ...cluster, ...changes }, dear, ASSUMPTIONS, stream('load'));
    const alone = run({});
    expect(run({ coordinators: 4 }).busy).toBeCloseTo(alone.busy / 4, 2);
    const threads = run({ merge: 'threads' });
    expect(threads.busy).toBeLessThan(alone.busy / 100);
    expect(threads.waitWorst).toBeLessThan(alone.waitWorst);
    expect(alone.longestBlock).toBeCloseTo(cluster.tasksPerTree * mergeSeconds(dear), 9);
  });
});
