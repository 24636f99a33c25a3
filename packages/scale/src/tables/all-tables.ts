import { admissionTable } from './admission-table.js';
import { barrierTable } from './barrier-table.js';
import { coordinatorTable } from './coordinator-table.js';
import { intervalTable } from './interval-table.js';
import { leaseTable } from './lease-table.js';
import { limitsTable } from './limits-table.js';
import { natsTable } from './nats-table.js';
import { policyTable } from './policy-table.js';
import { storageTable } from './storage-table.js';
import type { NamedTable } from './table.js';

/** In the order of the report. */
export const TABLES: readonly NamedTable[] = [
  limitsTable,
  barrierTable,
  leaseTable,
  policyTable,
  intervalTable,
  coordinatorTable,
  natsTable,
  storageTable,
  admissionTable,
];
