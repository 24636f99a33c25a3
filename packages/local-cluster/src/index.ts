export {
  CLUSTER_STOP_MS,
  LocalCluster,
  type LocalClusterOptions,
  type ServiceEvent,
} from './local-cluster.js';
export { serviceBin } from './service-bin.js';
export { type ServiceEnd, ServiceProcess, type ServiceProcessOptions } from './service-process.js';
