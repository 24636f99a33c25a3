import type { TProperties } from '@ckptree/schema';
import type { commonOptions } from './config/common-options.js';
import type { ConfigOf } from './config/read-config.js';
import type { Readiness } from './http/readiness.js';
import type { Log } from './log/log.js';
import type { Registry } from './metrics/prometheus.js';
import type { Role } from './role.js';

export type CommonConfig = ConfigOf<ReturnType<typeof commonOptions>>;

/** What the service was told. `id` is there whether it was given or not. */
export type ServiceConfig<Options extends TProperties> = ConfigOf<Options> &
  CommonConfig & { readonly id: string };

/** A service: what it is, which options it has beside the common ones, and how its work begins. */
export interface ServiceDefinition<Options extends TProperties> {
  readonly role: Role;
  /** One sentence for the help. */
  readonly description: string;
  readonly version: string;
  readonly options: Options;
  /** Rules between options. @throws EINVAL with the flag in `field` */
  readonly check?: (config: ServiceConfig<Options>) => void;
  /** @returns once the service takes work */
  readonly start: (components: ServiceComponents<Options>) => Promise<RunningService>;
}

/** What the parts of a service are given to work with. */
export interface ServiceComponents<Options extends TProperties> {
  readonly config: ServiceConfig<Options>;
  readonly log: Log;
  /** Parts add their metrics: `workerMetrics(registry)`. */
  readonly registry: Registry;
  /** Parts add their checks: `readiness.add('nats', ...)`. */
  readonly readiness: Readiness;
  /** Raised when the service is to end, also while it starts. */
  readonly signal: AbortSignal;
  /** Ends the service in order, with exit code 1, because of something that it cannot do without. */
  readonly fail: (error: unknown) => void;
}

export interface RunningService {
  /** Takes no new work and ends what is under way. What is left when the deadline is raised is dropped by close(). */
  drain?(deadline: AbortSignal): Promise<void>;
  /** Gives back all that it holds. */
  close(): Promise<void>;
}
