import type { CostName } from '../costs/costs.js';

/** What could be measured here, in the units of COSTS. */
export type Measured = Readonly<Partial<Record<CostName, number>>>;
