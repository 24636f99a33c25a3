import { Counter, Gauge, Histogram, type Registry } from './prometheus.js';

/** A metric as a table has it; the name exists there and nowhere else. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /**
   * All values of all labels, where they are known. Each series is then there from the start, at 0: Prometheus cannot tell
   * the first failure of a service from a series that begins at 1.
   */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds; of a histogram only. */
  readonly buckets?: readonly number[];
}

export type MetricTable = Readonly<Record<string, MetricDefinition>>;

export const counter = <const Labels extends readonly string[] = []>(
  name: string,
  help: string,
  labels?: Labels,
  values?: Readonly<Record<Labels[number], readonly string[]>>,
) =>
  ({
    kind: 'counter',
    name,
    help,
    labels: labels ?? ([] as unknown as Labels),
    ...(values !== undefined && { values }),
  }) as const;

export const gauge = <const Labels extends readonly string[] = []>(
  name: string,
  help: string,
  labels?: Labels,
  values?: Readonly<Record<Labels[number], readonly string[]>>,
) =>
  ({
    kind: 'gauge',
    name,
    help,
    labels: labels ?? ([] as unknown as Labels),
    ...(values !== undefined && { values }),
  }) as const;

export const histogram = <const Labels extends readonly string[] = []>(
  name: string,
  help: string,
  buckets: readonly number[],
  labels?: Labels,
) => ({ kind: 'histogram', name, help, buckets, labels: labels ?? ([] as unknown as Labels) }) as const;

type LabelOf<Definition extends MetricDefinition> = Definition['labels'][number];

/** What prom-client makes of a definition. */
export type MetricOf<Definition extends MetricDefinition> = Definition['kind'] extends 'counter'
  ? Counter<LabelOf<Definition>>
  : Definition['kind'] extends 'gauge'
    ? Gauge<LabelOf<Definition>>
    : Histogram<LabelOf<Definition>>;

export type MetricsOf<Table extends MetricTable> = { readonly [Key in keyof Table]: MetricOf<Table[Key]> };

/** The metrics of a table in a registry. Those that are there already are the same ones. */
export function register<Table extends MetricTable>(registry: Registry, table: Table): MetricsOf<Table> {
  const metrics = Object.entries(table).map(([key, definition]) => [
    key,
    registry.getSingleMetric(definition.name) ?? make(registry, definition),
  ]);
  return Object.fromEntries(metrics) as MetricsOf<Table>;
}

function make(registry: Registry, definition: MetricDefinition) {
  const { kind, name, help, labels, buckets = [] } = definition;
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === 'histogram') return new Histogram({ ...common, buckets: [...buckets] });
  const metric = kind === 'counter' ? new Counter(common) : new Gauge(common);
  for (const each of combinations(definition.values)) metric.inc(each, 0);
  return metric;
}

/** Every way to give each label one of its values. */
function combinations(values: MetricDefinition['values']): Record<string, string>[] {
  if (values === undefined) return [];
  let all: Record<string, string>[] = [{}];
  for (const [label, known] of Object.entries(values))
    all = all.flatMap((one) => known.map((value) => ({ ...one, [label]: value })));
  return all;
}
