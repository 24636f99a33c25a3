/** One sample of the text format of Prometheus. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
const COMMENT = new RegExp(`^# (HELP ${NAME} .+|TYPE ${NAME} (counter|gauge|histogram|summary|untyped))$`);

/**
 * Reads https://prometheus.io/docs/instrumenting/exposition_formats/, strictly.
 * @throws a line that is not of the format, or a sample whose family has no type
 */
export function parseExposition(text: string): Sample[] {
  const typed = new Set<string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    if (line.startsWith('#')) {
      if (!COMMENT.test(line)) throw new Error(`no comment of the format: ${line}`);
      typed.add(line.split(' ')[2]!);
      continue;
    }
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`);
    if (!typed.has(name) && !typed.has(name.replace(/_(bucket|sum|count)$/, '')))
      throw new Error(`${name} has no TYPE`);
    samples.push({ name, labels: parseLabels(labels), value: numberOf(value) });
  }
  return samples;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (LABEL.lastIndex = 0; LABEL.lastIndex < text.length; ) {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new Error(`no labels: ${text}`);
    labels[name] = value;
  }
  return labels;
}

function numberOf(text: string): number {
  const value = text === '+Inf' ? Infinity : text === 'Nan' ? Number.NaN : Number(text);
  if (Number.isNaN(value) && text !== 'Nan') throw new Error(`no number: ${text}`);
  return value;
}
