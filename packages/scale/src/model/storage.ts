import type { Assumptions } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import type { Random } from '../engine/random.js';
import { Samples } from '../engine/samples.js';
import { Simulation } from '../engine/simulation.js';
import { Station } from '../engine/station.js';

/**
 * How a worker finds a storage service for a pack.
 * - `random`: a NATS queue group picks one;
 * - `least of two`: it asks two at random how long their lines are;
 * - `own`: workers are dealt out to services in turn, and stay.
 */
export const ROUTES = ['random', 'least of two', 'own'] as const;
export type Route = (typeof ROUTES)[number];

export interface DumpOfCluster {
  readonly workers: number;
  /** Bytes that each worker has to store, as they are in memory. */
  readonly bytesPerWorker: number;
  readonly services: number;
  readonly route: Route;
  /** Bytes of an upload, as stored. Larger than a pack only to make a large simulation short. */
  readonly uploadBytes: number;
  /** Uploads that a worker has under way at once. */
  readonly window: number;
}

export interface DumpFigures {
  /** Seconds until the last byte of the last worker was durable, and of the median worker. */
  readonly last: number;
  readonly median: number;
  /** Share of the time until then that services wrote. */
  readonly busy: number;
  /** Stored bytes of all. */
  readonly stored: number;
}

/** Bytes a second that one worker makes ready to be stored, as stored: it hashes and compresses with all its dump threads. */
export function sealRate(
  { hashRate, compressRate, compressRatio }: Costs,
  { dumpThreads }: Assumptions,
): number {
  return dumpThreads / (compressRatio / hashRate + compressRatio / compressRate);
}

/** Bytes a second that one storage service makes durable. */
export const serviceRate = ({ diskRate }: Costs, { diskWriters, networkRate }: Assumptions): number =>
  Math.min(diskRate * diskWriters, networkRate);

/** All workers dump at once; services write first come, first served. */
export function simulateDump(
  dump: DumpOfCluster,
  costs: Costs,
  assumed: Assumptions,
  random: Random,
): DumpFigures {
  const simulation = new Simulation();
  const services = Array.from({ length: dump.services }, () => new Station(simulation));
  const ends = new Samples();
  const perWorker = dump.bytesPerWorker / costs.compressRatio;
  const uploads = Math.max(1, Math.ceil(perWorker / dump.uploadBytes));
  const bytes = perWorker / uploads;
  const write = bytes / serviceRate(costs, assumed) + costs.diskObject;
  const seal = bytes / sealRate(costs, assumed);
  const pick = picker(dump.route, services, random);

  const startWorker = (worker: number) => {
    const core = new Station(simulation);
    let ready = 0;
    let stored = 0;
    const next = () => {
      if (ready === uploads) return;
      ready++;
      core.serve(seal, () => pick(worker).serve(write, done));
    };
    const done = () => {
      if (++stored === uploads) ends.add(simulation.now);
      else next();
    };
    for (let slot = 0; slot < dump.window; slot++) next();
  };
  simulation.after(0, () => {
    for (let worker = 0; worker < dump.workers; worker++) startWorker(worker);
  });
  simulation.run();
  const busy = services.reduce((sum, service) => sum + service.figures.busy, 0);
  return {
    last: ends.max,
    median: ends.median,
    busy: busy / (services.length * ends.max),
    stored: perWorker * dump.workers,
  };
}

function picker(route: Route, services: readonly Station[], random: Random): (worker: number) => Station {
  const any = () => services[random.integer(services.length)]!;
  if (route === 'random') return any;
  if (route === 'own') return (worker) => services[worker % services.length]!;
  return () => {
    const [one, other] = [any(), any()];
    return one.freeAt <= other.freeAt ? one : other;
  };
}
