export type { Announcement } from './announcement.js';
export { commonOptions, natsOptions } from './config/common-options.js';
export { bytes, choice, duration, onOff, path, secret, text, wholeNumber } from './config/option.js';
export { type ConfigOf, readConfig } from './config/read-config.js';
export { type Check, Readiness, type ReadinessReport } from './http/readiness.js';
export { type StatusServer, startStatusServer } from './http/status-server.js';
export { createLog, LOG_LEVELS, type Log, type LogLevel, loggedError } from './log/log.js';
export { carrierObserver } from './metrics/carrier-observer.js';
export { type MetricDefinition, type MetricsOf, type MetricTable, register } from './metrics/define.js';
export * from './metrics/metrics.js';
export { metricsPage } from './metrics/page.js';
export { ALL_METRICS } from './metrics/tables.js';
export { awaitCluster } from './nats/await-cluster.js';
export { makeCluster } from './nats/make-cluster.js';
export { type NatsAccess, natsAccess } from './nats/nats-access.js';
export { openConnection } from './nats/open-connection.js';
export { type NatsUser, ROLES, type Role } from './role.js';
export { runService } from './run-service.js';
export type {
  CommonConfig,
  RunningService,
  ServiceComponents,
  ServiceConfig,
  ServiceDefinition,
} from './service-definition.js';
export {
  checkStoreSecrets,
  readStoreSecrets,
  type StoreSecrets,
  storeSecretOptions,
} from './store-secrets.js';
