import { type MetricsOf, register } from './define.js';
import type { Registry } from './prometheus.js';
import {
  CARRIER_METRICS,
  COORDINATOR_METRICS,
  PROTOCOL_METRICS,
  SERVICE_METRICS,
  STORAGE_METRICS,
  WORKER_METRICS,
} from './tables.js';

export type ServiceMetrics = MetricsOf<typeof SERVICE_METRICS>;
export type ProtocolMetrics = MetricsOf<typeof PROTOCOL_METRICS>;
export type CarrierMetrics = MetricsOf<typeof CARRIER_METRICS>;
export type WorkerMetrics = MetricsOf<typeof WORKER_METRICS>;
export type StorageMetrics = MetricsOf<typeof STORAGE_METRICS>;
export type CoordinatorMetrics = MetricsOf<typeof COORDINATOR_METRICS>;

// Called twice on one registry, each gives the same metrics twice.
export const serviceMetrics = (registry: Registry): ServiceMetrics => register(registry, SERVICE_METRICS);
export const protocolMetrics = (registry: Registry): ProtocolMetrics => register(registry, PROTOCOL_METRICS);
export const carrierMetrics = (registry: Registry): CarrierMetrics => register(registry, CARRIER_METRICS);
export const workerMetrics = (registry: Registry): WorkerMetrics => register(registry, WORKER_METRICS);
export const storageMetrics = (registry: Registry): StorageMetrics => register(registry, STORAGE_METRICS);
export const coordinatorMetrics = (registry: Registry): CoordinatorMetrics =>
  register(registry, COORDINATOR_METRICS);
