import type { MetricDefinition, MetricTable } from './define.js';
import { ALL_METRICS } from './tables.js';

const HEAD = `# Metrics

Each service serves them at \`/metrics\` in the text format of Prometheus, beside those of the process itself that prom-client
tells of every Node program (\`process_cpu_seconds_total\`, \`process_resident_memory_bytes\`, \`nodejs_eventloop_lag_p99_seconds\`,
\`nodejs_heap_size_used_bytes\`, ...). [operations.md](operations.md#what-to-watch) says what to watch.

This page is written from \`packages/service/src/metrics/tables.ts\` by \`npm run write-metrics -w packages/service\`; a test holds the
two together.
`;

/** docs/metrics.md */
export function metricsPage(): string {
  const sections = Object.entries(ALL_METRICS).map(([who, table]) => sectionOf(who, table));
  return [HEAD, ...sections].join('\n');
}

function sectionOf(who: string, table: MetricTable): string {
  const title = `${who.charAt(0).toUpperCase()}${who.slice(1)}`;
  return `## ${title}\n\n${tableOf(Object.values(table).map(cellsOf))}\n`;
}

const HEADINGS = ['metric', 'kind', 'labels', 'tells'];

const cellsOf = ({ name, kind, labels, help }: MetricDefinition): string[] => [
  `\`${name}\``,
  kind,
  labels.map((label) => `\`${label}\``).join(', '),
  help,
];

/** Columns as wide as their widest cell, as the other pages have them. */
function tableOf(rows: readonly string[][]): string {
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]!.length)),
  );
  const lineOf = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [HEADINGS, rule, ...rows].map(lineOf).join('\n');
}
