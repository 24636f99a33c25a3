import { carrierMetrics } from './metrics.js';
import type { Registry } from './prometheus.js';

type Way = 'nats' | 'volume';

/** What packages/carrier wants told, as metrics. It is above this package, so its interface is met, not named. */
export function carrierObserver(registry: Registry) {
  const { bytes, putSeconds, inFlightBytes, retries } = carrierMetrics(registry);
  return {
    read: (count: number, way: Way): void => bytes.inc({ direction: 'read', way }, count),
    written: (count: number, way: Way, seconds: number): void => {
      bytes.inc({ direction: 'write', way }, count);
      putSeconds.observe({ way }, seconds);
    },
    underWay: (count: number): void => inFlightBytes.inc(count),
    retried: (): void => retries.inc(),
  };
}
