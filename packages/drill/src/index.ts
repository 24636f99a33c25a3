export { type DrillOptions, type DrillReport, drill } from './drill.js';
export { EventLedger } from './event-ledger.js';
export { FAULT_NAMES, FAULTS, type FaultName } from './faults.js';
export { Random } from './random.js';
export { type Counts, DrillRecord } from './record.js';
export { Results } from './results.js';
