import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** What may stand behind a command, for shells that complete it. */
export interface Completions {
  /** The command with those above it, a space before each: ` store gc`; of the program ''. */
  readonly path: string;
  /** Commands below it, and the values of an argument that takes few. */
  readonly words: readonly { readonly word: string; readonly summary: string }[];
  readonly options: readonly CompletedOption[];
}

export interface CompletedOption {
  /** `--output`, `-o`. */
  readonly flags: readonly string[];
  readonly takesValue: boolean;
  /** All values that it takes, if those are few words. */
  readonly choices: readonly string[];
  readonly summary: string;
}

/** Of a command and all below it, as their definitions have them. */
export function completionsOf(command: CommandUnknownOpts, path = ''): Completions[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const options = help
    .visibleOptions(command)
    .map(({ long, short, required, optional, argChoices = [], description }) => ({
      flags: [long, short].filter((flag) => flag != null),
      takesValue: required || optional,
      choices: argChoices,
      summary: description,
    }));
  const words = [
    ...commands.map((inner) => ({ word: inner.name(), summary: inner.description() })),
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((word) => ({ word, summary: description })),
    ),
  ];
  const own: Completions = { path, words, options };
  return [own, ...commands.flatMap((inner) => completionsOf(inner, `${path} ${inner.name()}`))];
}
