import { CkptError } from '@ckptree/errors';
import { Command, Option } from '@commander-js/extra-typings';
import { CommanderError } from 'commander';
import type { NamedOption } from './option-names.js';
import { textOf } from './option-text.js';

/** Who is started, for `--help` and `--version`. */
export interface ProgramName {
  /** What people type to start it. */
  readonly command: string;
  readonly description: string;
  readonly version: string;
}

/** What the command line said: the flags that are there with their texts, or that help or version was asked for. */
export type CommandLine =
  | { readonly kind: 'flags'; readonly texts: ReadonlyMap<string, string> }
  | { readonly kind: 'print'; readonly text: string };

/** @throws EINVAL a flag is not known, or lacks its value */
export function parseCommandLine(
  program: ProgramName,
  options: readonly NamedOption[],
  args: readonly string[],
): CommandLine {
  let printed = '';
  const command = new Command(program.command)
    .description(program.description)
    .version(program.version, '-V, --version')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printed += text;
      },
      outputError: () => undefined,
    })
    .addHelpText('after', environmentHelp(options));
  for (const option of options) command.addOption(commanderOption(option));
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'print', text: printed };
    throw new CkptError('EINVAL', error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  }
  const values = command.opts() as Readonly<Record<string, string | true>>;
  return {
    kind: 'flags',
    texts: new Map(Object.entries(values).map(([key, value]) => [key, String(value)])),
  };
}

function commanderOption(option: NamedOption): Option {
  const { flag, schema, hints, key } = option;
  const placeholder = hints.secret ? 'file' : hints.placeholder;
  const value = schema.type === 'boolean' ? '' : ` <${placeholder}>`;
  const fallback =
    schema.default === undefined || schema.default === false ? '' : textOf(option, schema.default);
  const description = hints.secret
    ? `${schema.description}; the first line of this file`
    : schema.description;
  const made = new Option(
    `${flag}${value}`,
    `${description}${fallback === '' ? '' : ` (default: ${fallback})`}`,
  );
  // The value is found under the property's own name, whatever the flag is called.
  made.attributeName = () => key;
  return made;
}

function environmentHelp(options: readonly NamedOption[]): string {
  const rows = options.map(({ flag, variables, fileVariable, hints }) => [
    [...variables, ...(fileVariable === undefined ? [] : [fileVariable])].join(', '),
    hints.secret ? 'a secret; ..._FILE names a file that holds it' : flag,
  ]);
  const width = Math.max(...rows.map(([names]) => names!.length));
  return `\nEnvironment (a flag wins over its variable):\n${rows
    .map(([names, meaning]) => `  ${names!.padEnd(width)}  ${meaning}`)
    .join('\n')}`;
}
