import type { StorageMetrics } from '@ckptree/service';
import type { MaintenanceObserver } from './maintenance-requests.js';
import type { StorageObserver } from './observer.js';

/** `packs` of `packs/0f3a...`. */
const kindOf = (name: string): string => (name.includes('/') ? name.slice(0, name.indexOf('/')) : name);

export const objectMetrics = ({ bytes, putSeconds, adopted }: StorageMetrics): StorageObserver => ({
  received: (count) => bytes.inc({ direction: 'in', way: 'nats' }, count),
  sent: (count) => bytes.inc({ direction: 'out', way: 'nats' }, count),
  stored: (name, seconds) => putSeconds.observe({ kind: kindOf(name) }, seconds),
  adopted: (count) => {
    bytes.inc({ direction: 'in', way: 'volume' }, count);
    adopted.inc({ outcome: 'adopted' });
  },
  refused: () => adopted.inc({ outcome: 'refused' }),
});

export const maintenanceMetrics = ({
  gcRuns,
  gcFreed,
  gcLastSuccess,
  verifyLastSuccess,
  damaged,
}: StorageMetrics): MaintenanceObserver => ({
  collected(report) {
    gcRuns.inc({ outcome: report === undefined ? 'failed' : 'ok' });
    if (report === undefined) return;
    gcFreed.inc(report.freedBytes);
    gcLastSuccess.setToCurrentTime();
  },
  verified(report) {
    damaged.set(report.findings.length);
    if (report.ok) verifyLastSuccess.setToCurrentTime();
  },
});
