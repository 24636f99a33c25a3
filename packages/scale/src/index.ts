export { ASSUMPTIONS, type AssumptionName, type Assumptions, assume } from './costs/assumptions.js';
export {
  COSTS,
  COSTS_FILE,
  type CostName,
  type Costs,
  type CostsDocument,
  costsOf,
  readCosts,
} from './costs/costs.js';
export { Random } from './engine/random.js';
export { Samples } from './engine/samples.js';
export { SharedServer } from './engine/shared-server.js';
export { Simulation } from './engine/simulation.js';
export { Station, type StationFigures } from './engine/station.js';
export { type Schedule, type ScheduleFigures, simulateSchedule } from './model/admission.js';
export {
  type CutFigures,
  type CutOfTree,
  prepareSeconds,
  simulateCut,
  TOPOLOGIES,
  type Topology,
} from './model/barrier.js';
export {
  type CoordinatorFigures,
  mergeSeconds,
  simulateCoordinators,
  type TreesOfCluster,
} from './model/coordinator.js';
export { bestInterval, lostShare, meanTimeBetweenFailures } from './model/failures.js';
export { type Answers, fits, type LeasePolicy, type PolicyOutcome, tryCut } from './model/lease.js';
export { leastBarrier } from './model/least-barrier.js';
export {
  type DumpFigures,
  type DumpOfCluster,
  ROUTES,
  type Route,
  sealRate,
  serviceRate,
  simulateDump,
} from './model/storage.js';
export { type Straggling, straggling } from './model/straggling.js';
export { TABLES } from './tables/all-tables.js';
export type { Given, NamedTable, Table } from './tables/table.js';
