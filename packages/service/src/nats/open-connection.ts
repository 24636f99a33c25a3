import { CkptError, isCkptError } from '@ckptree/errors';
import { Connection, type ConnectionOptions, type Observation } from '@ckptree/protocol';
import type { Readiness } from '../http/readiness.js';
import type { Log } from '../log/log.js';
import { type ProtocolMetrics, protocolMetrics } from '../metrics/metrics.js';
import type { Registry } from '../metrics/prometheus.js';
import type { Role } from '../role.js';
import { natsAccess } from './nats-access.js';

type NatsConfig = Parameters<typeof natsAccess>[0] & { readonly id: string };

interface Components {
  readonly config: NatsConfig;
  readonly log: Log;
  readonly registry: Registry;
  readonly readiness: Readiness;
  readonly signal: AbortSignal;
}

/**
 * The connection of a service to NATS: waited for as long as it takes, told in the log, in the metrics, and as the
 * readiness check `nats`. The caller closes it.
 * @throws EPERM NATS does not let this user in; EINTR the service is to end; ENOENT a file of the options
 */
export async function openConnection(
  role: Role,
  { config, log, registry, readiness, signal }: Components,
): Promise<Connection> {
  const metrics = protocolMetrics(registry);
  metrics.connected.set(0);
  const options: ConnectionOptions = {
    ...connectionOptions(role, config),
    signal,
    observe: (observation) => count(metrics, observation),
    onError: (error) => log.error({ err: error }, 'NATS refuses something to this user'),
  };
  const connection = await patiently(options, log);
  metrics.connected.set(1);
  log.info({ nats: config.nats }, 'connected to NATS');
  connection.onStatus((status) => {
    metrics.connected.set(status === 'connected' ? 1 : 0);
    if (status === 'connected') metrics.reconnects.inc();
    if (status === 'disconnected')
      log.warn('the connection to NATS is lost; it is tried again until it is back');
    else log.info({ status }, 'connection to NATS');
  });
  readiness.add('nats', () => {
    if (!connection.connected) throw new CkptError('EAGAIN', 'there is no connection to NATS');
  });
  return connection;
}

function connectionOptions(role: Role, config: NatsConfig): ConnectionOptions {
  const { servers, user, pass, tls } = natsAccess(config);
  return {
    url: servers,
    name: config.id,
    // The only inboxes that the permissions of the role let it listen at.
    inboxPrefix: `_INBOX_${role}`,
    passwordFrom: `--nats-user NAME, unless it is ${role}, and --nats-password-file FILE or CKPTREE_NATS_${role.toUpperCase()}_PASSWORD`,
    ...(user !== undefined && { user }),
    ...(pass !== undefined && { password: pass }),
    ...(tls !== undefined && { tls }),
  };
}

/** A service may be started before its NATS server; whoever waits for it sees why in the log. */
async function patiently(options: ConnectionOptions, log: Log): Promise<Connection> {
  for (;;) {
    try {
      return await Connection.open(options);
    } catch (error) {
      if (!isCkptError(error) || error.code !== 'ETIMEDOUT') throw error;
      log.warn({ err: error }, 'no NATS server yet; it is looked for until there is one');
    }
  }
}

function count(metrics: ProtocolMetrics, { name: request, outcome, code, durationMs }: Observation): void {
  if (outcome === 'dropped') metrics.droppedMessages.inc({ request });
  else if (outcome === 'invalid') metrics.invalidMessages.inc({ request });
  else {
    metrics.requests.inc({ request, code: code ?? outcome });
    metrics.requestSeconds.observe({ request }, durationMs / 1_000);
  }
}
