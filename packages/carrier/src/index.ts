export { ClaimCheckBackend, type ClaimCheckOptions } from './claim-check-backend.js';
export { NatsBackend } from './nats-backend.js';
export type { CarrierObserver, Way } from './observer.js';
export { type CarrierOptions, openCarrier } from './open-carrier.js';
export { isTransient, type PatienceOptions } from './patience.js';
export { collectGarbage, type GcSummary, type VerifySummary, verifyStorage } from './storage-jobs.js';
export { StoreAccess, type StoreAccessOptions } from './store-access.js';
export { ensureVolumeMark } from './volume.js';
