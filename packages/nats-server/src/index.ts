export { MAX_PAYLOAD } from './config.js';
export { findNatsServer } from './find-binary.js';
export { NatsServer, type NatsServerOptions } from './nats-server.js';
export { type Obtained, type ObtainOptions, obtainNats } from './obtain.js';
