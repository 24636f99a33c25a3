import type { TProperties, TSchema } from '@ckptree/schema';
import type { OptionHints } from './option.js';

/** What the constructors of options put into a schema, as far as anybody but ajv reads it. */
export interface OptionSchema extends TSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly default?: unknown;
}

/** An option as the command line and the environment know it. */
export interface NamedOption {
  /** The property of the configuration. */
  readonly key: string;
  readonly schema: OptionSchema;
  readonly hints: OptionHints;
  /** `--log-level`; of a secret, the flag of the file that holds it. */
  readonly flag: string;
  /** The first one that is set wins. */
  readonly variables: readonly [string, ...string[]];
  /** Of a secret: the variable with the name of the file that holds it. */
  readonly fileVariable: string | undefined;
}

export function namedOptions(options: TProperties): NamedOption[] {
  return Object.entries(options).map(([key, schema]) => {
    const hints = hintsOf(schema);
    const words = wordsOf(hints.name ?? key);
    const secret = hints.secret ?? false;
    const variable = `CKPTREE_${words.join('_').toUpperCase()}`;
    return {
      key,
      schema,
      hints,
      flag: `--${words.join('-')}${secret ? '-file' : ''}`,
      variables: [variable, ...(hints.variables ?? [])],
      fileVariable: secret ? `${variable}_FILE` : undefined,
    };
  });
}

function hintsOf(schema: TSchema): OptionHints {
  return 'option' in schema ? (schema.option as OptionHints) : {};
}

/** `logLevel` -> `log`, `level`. */
const wordsOf = (key: string): string[] =>
  key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(' ');
