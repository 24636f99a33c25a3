import type { Assumptions } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import { prepareSeconds } from './barrier.js';

/** What a cut by fan-out takes when no worker is late: everybody's turn in nats-server, the work, the last answer. */
export function leastBarrier(workers: number, costs: Costs, assumed: Assumptions): number {
  const { tasks, workers: all, memoryPerTask } = assumed;
  const work = prepareSeconds({ tasksPerWorker: tasks / all, memoryPerTask }, costs);
  return (
    costs.clientRequest / 2 +
    workers * costs.serverDelivery +
    4 * assumed.hop +
    work +
    costs.clientReply +
    costs.serverMessage +
    costs.clientReceive
  );
}
