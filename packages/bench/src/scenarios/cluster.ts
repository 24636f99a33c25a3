import { durableThroughput } from '../cluster/durable-throughput.js';
import { manyTasks } from '../cluster/many-tasks.js';
import { scaling } from '../cluster/scaling.js';
import { smallCheckpoints } from '../cluster/small-checkpoints.js';
import type { Scenario } from '../scenario.js';

/** Real processes on this machine: services, nats-server, and this one as their client. */
export const cluster: Scenario = {
  name: 'cluster',
  summary:
    'downtime over 3 workers, durable throughput by both carriers, what a second worker adds, 1,000 tasks over 8 workers',
  async *measure(options) {
    yield* await smallCheckpoints(options);
    yield* await durableThroughput(options);
    yield await scaling(options);
    yield* await manyTasks(options);
  },
};
