/** What is used of the NATS client; see infra/bundle-libraries.mjs. */
export {
  AckPolicy,
  type ConnectionOptions as NatsOptions,
  type ConsumerInfo,
  createInbox,
  credsAuthenticator,
  DebugEvents,
  DeliverPolicy,
  DiscardPolicy,
  ErrorCode,
  Events,
  headers,
  type JetStreamClient,
  type JetStreamManager,
  type Msg,
  type NatsConnection,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type Subscription,
} from 'nats';
// What the library makes a connection of; see transport.ts.
export { NatsConnectionImpl, setTransportFactory } from 'nats/lib/nats-base-client/internal_mod.js';
export { NodeTransport, nodeResolveHost } from 'nats/lib/src/node_transport.js';
