import { ALL_METRICS, type MetricDefinition } from '@ckptree/service';
import { describe, expect, test } from '@jest/globals';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { textOf, yamlOf } from '../support/infra.js';
import { selectionOf } from '../support/promql.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

/** Names of series, with their labels; `up`, `job` and `instance` are Prometheus's own. */
const LABELS_OF_ALL = ['job', 'instance'];
const series = new Map<string, readonly string[]>([['up', []]]);
for (const table of Object.values(ALL_METRICS))
  for (const { name, kind, labels } of Object.values(table) as MetricDefinition[])
    if (kind === 'histogram') {
      series.set(`${name}_bucket`, [...labels, 'le']);
      series.set(`${name}_sum`, labels);
      series.set(`${name}_count`, labels);
    } else series.set(name, labels);
const defaults = new Registry();
collectDefaultMetrics({ register: defaults });
for (const { name } of defaults.getMetricsAsArray()) series.set(name, []);

/** Fails unless every metric is one that a service has, with the labels that are asked for. */
function expectKnown(expression: string): void {
  const { metrics, labels } = selectionOf(expression);
  expect(metrics).not.toEqual([]);
  for (const metric of metrics) expect([...series.keys()]).toContain(metric);
  const known = [...LABELS_OF_ALL, ...metrics.flatMap((metric) => series.get(metric) ?? [])];
  for (const label of labels) expect(known).toContain(label);
}

const rules = yamlOf<{ groups: { rules: Rule[] }[] }>(
  'infra/prometheus/ckptree.rules.yml',
)[0]!.groups.flatMap((group) => group.rules);

describe('alerts', () => {
  test.each(rules)(
    '$alert asks for metrics that services have, and says what to do',
    ({ expr, labels, annotations }) => {
      expectKnown(expr);
      expect(['page', 'ticket']).toContain(labels.severity);
      expect(annotations.summary).not.toBe('');
      const [page, anchor] = annotations.runbook.split('#');
      expect(page).toBe('docs/operations.md');
      expect(anchorsOf(textOf('docs/operations.md'))).toContain(anchor);
    },
  );

  test('have names of their own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

/** Anchors of headings, as GitHub makes them. */
const anchorsOf = (page: string): string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );

describe('the dashboard', () => {
  const dashboard = JSON.parse(textOf('infra/grafana/dashboards/ckptree.json')) as { panels: Panel[] };
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

  test.each(panels)('$title asks for metrics that services have', ({ targets = [] }) => {
    expect(targets.length).toBeGreaterThan(0);
    // The one variable of Grafana is no PromQL.
    for (const { expr } of targets) expectKnown(expr.replaceAll('$__rate_interval', '1m'));
  });

  test.each(panels)('$title names its series by labels that are left', ({ targets = [] }) => {
    for (const { expr, legendFormat } of targets) {
      const { metrics, labels } = selectionOf(expr.replaceAll('$__rate_interval', '1m'));
      // An aggregation leaves the labels that it groups by, and a plain selector all.
      const own = metrics.flatMap((metric) => series.get(metric) ?? []);
      const left = /^(sum|max|min|count|histogram_quantile)\b/.test(expr)
        ? labels
        : [...own, ...LABELS_OF_ALL];
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(left).toContain(label);
    }
  });

  test('shows every metric of a part, but for those that are for alerts', () => {
    const shown = new Set(
      panels.flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) => selectionOf(expr.replaceAll('$__rate_interval', '1m')).metrics),
      ),
    );
    const names = Object.values(ALL_METRICS).flatMap((table) =>
      (Object.values(table) as MetricDefinition[]).map(({ name }) => name),
    );
    expect(names.filter((name) => !shown.has(name) && !shown.has(`${name}_bucket`))).toEqual([
      'ckptree_service_check',
      'ckptree_service_stopping',
      'ckptree_worker_trees',
      'ckptree_storage_gc_freed_bytes_total',
      'ckptree_storage_gc_last_success_timestamp_seconds',
      'ckptree_storage_verify_last_success_timestamp_seconds',
      'ckptree_coordinator_term',
    ]);
  });

  test('has panels that lie beside each other, each with a number of its own', () => {
    const { panels: all } = dashboard;
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const [index, { gridPos: a }] of all.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of all.slice(index + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart).toBe(true);
      }
    }
  });
});
