import { readFileSync } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import { Ajv2020, type Static, type TObject, type TProperties, Type } from '@ckptree/schema';
import { type CommandLine, type ProgramName, parseCommandLine } from './command-line.js';
import { type NamedOption, namedOptions } from './option-names.js';
import { expectationOf, parseText } from './option-text.js';

export type Environment = Readonly<Record<string, string | undefined>>;
export type ConfigOf<Options extends TProperties> = Static<TObject<Options>>;

/** The configuration, or what is to be printed instead of starting: help or version. */
export type Reading<Config> =
  | { readonly kind: 'config'; readonly config: Config }
  | Extract<CommandLine, { kind: 'print' }>;

/** A text, and where it stood: the flag or variable that messages name. */
interface Given {
  readonly text: string;
  readonly origin: string;
}

const ajv = new Ajv2020({ allErrors: true, useDefaults: true, strict: true, keywords: ['option'] });

/**
 * The configuration from flags and environment. A flag wins over its variable, a variable over the default; an empty
 * variable is none.
 * @throws EINVAL with every fault in one sentence, and the flag of the first in `field`; ENOENT, EPERM a secret's file
 */
export function readConfig<Options extends TProperties>(
  program: ProgramName,
  options: Options,
  args: readonly string[],
  environment: Environment,
): Reading<ConfigOf<Options>> {
  const named = namedOptions(options);
  const line = parseCommandLine(program, named, args);
  if (line.kind === 'print') return line;
  const given = new Map<string, Given>();
  const config: Record<string, unknown> = {};
  for (const option of named) {
    const found = givenFor(option, line.texts.get(option.key), environment);
    if (found === undefined) continue;
    given.set(option.key, found);
    config[option.key] = parseText(option, found.text);
  }
  const validate = ajv.compile(Type.Object(options));
  if (!validate(config)) throw refusal(named, given, new Set(validate.errors?.map(keyOf)));
  return { kind: 'config', config: config as ConfigOf<Options> };
}

function givenFor(option: NamedOption, flagText: string | undefined, env: Environment): Given | undefined {
  const variable = option.variables.find((name) => isSet(env[name]));
  if (option.hints.secret !== true) {
    if (flagText !== undefined) return { text: flagText, origin: option.flag };
    return variable === undefined ? undefined : { text: env[variable]!, origin: variable };
  }
  if (flagText !== undefined) return secretFrom(flagText, option.flag);
  if (variable !== undefined) return { text: env[variable]!, origin: variable };
  const { fileVariable } = option;
  return fileVariable !== undefined && isSet(env[fileVariable])
    ? secretFrom(env[fileVariable], fileVariable)
    : undefined;
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';

function secretFrom(path: string, origin: string): Given {
  try {
    const [text = ''] = readFileSync(path, 'utf8').split(/\r?\n/, 1);
    return { text, origin };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const fields = { path, field: origin };
    throw new CkptError(
      code === 'ENOENT' ? 'ENOENT' : 'EPERM',
      `${origin} names ${path}, which cannot be read; the service needs the secret in it`,
      fields,
      error,
    );
  }
}

/** The property that a finding of ajv is about; the schema has one level. */
const keyOf = ({ instancePath, params }: { instancePath: string; params: Record<string, unknown> }): string =>
  String(params.missingProperty ?? instancePath.slice(1));

function refusal(
  named: readonly NamedOption[],
  given: ReadonlyMap<string, Given>,
  keys: ReadonlySet<string>,
): CkptError {
  const faulty = named.filter(({ key }) => keys.has(key));
  const sentences = faulty.map((option) => faultOf(option, given.get(option.key)));
  return new CkptError('EINVAL', sentences.join('; '), { field: faulty[0]!.flag });
}

function faultOf(option: NamedOption, given: Given | undefined): string {
  const { flag, variables, hints } = option;
  if (given === undefined) return `${flag} is missing; give it, or set ${variables[0]}`;
  const value = hints.secret ? '' : `, not ${JSON.stringify(withoutUser(given.text).slice(0, 200))}`;
  return `${given.origin} must be ${expectationOf(option)}${value}`;
}

/** An address may have a password in it by mistake. */
const withoutUser = (text: string): string => text.replace(/:\/\/.*@/s, '://...@');

/** The configuration as it may be logged: secrets are told only to be there. */
export function withoutSecrets(options: TProperties, config: Readonly<Record<string, unknown>>) {
  const secrets = new Set(namedOptions(options).flatMap(({ key, hints }) => (hints.secret ? [key] : [])));
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, secrets.has(key) ? '(set)' : value]),
  );
}
