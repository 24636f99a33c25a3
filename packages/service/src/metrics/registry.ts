import type { Readiness } from '../http/readiness.js';
import type { Role } from '../role.js';
import { type ServiceMetrics, serviceMetrics } from './metrics.js';
import { collectDefaultMetrics, Registry } from './prometheus.js';

export interface Identity {
  readonly role: Role;
  readonly id: string;
  readonly version: string;
}

/** A registry with what every service tells: process, event loop (`nodejs_eventloop_lag_*`), identity and readiness. */
export function createRegistry(
  identity: Identity,
  readiness: Readiness,
): { registry: Registry; metrics: ServiceMetrics } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = serviceMetrics(registry);
  metrics.info.set({ ...identity }, 1);
  metrics.stopping.set(0);
  // A scrape asks for one metric after the other, in the order of registration: the whole report is set by each.
  const collect = async (): Promise<void> => {
    const { ready, checks } = await readiness.report();
    metrics.ready.set(ready ? 1 : 0);
    metrics.check.reset();
    for (const [check, { ok }] of Object.entries(checks)) metrics.check.set({ check }, ok ? 1 : 0);
  };
  Object.assign(metrics.ready, { collect });
  Object.assign(metrics.check, { collect });
  return { registry, metrics };
}
