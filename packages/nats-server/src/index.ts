export { MAX_PAYLOAD } from './config.js';
export { findNatsServer } from './find-binary.js';
export { logTail } from './log-tail.js';
export { NatsServer, type NatsServerOptions } from './nats-server.js';
export { type Obtained, type ObtainOptions, obtainNats } from './obtain.js';
export type { Exit } from './server-process.js';
