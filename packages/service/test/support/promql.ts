import { parser } from '@prometheus-io/lezer-promql';

/** What an expression asks for. */
export interface Selection {
  readonly metrics: readonly string[];
  /** Labels that it matches, groups by, or keeps. */
  readonly labels: readonly string[];
}

/** Reads PromQL with the parser of Prometheus's own editor. @throws it is not PromQL */
export function selectionOf(expression: string): Selection {
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(expression).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
      const text = expression.slice(from, to);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.add(text);
      if (type.name === 'LabelName') labels.add(text);
    },
  });
  return { metrics: [...metrics], labels: [...labels] };
}
