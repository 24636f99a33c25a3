import { CkptError } from '@ckptree/errors';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';

/** The command line asks for what makes no sense. @param sentence what is wrong with it, and what would be right */
export const usageError = (sentence: string): CommanderError =>
  new CommanderError(EXIT.USAGE, 'ckptree.usage', sentence);

export const isUsageError = (error: unknown): error is CommanderError => error instanceof CommanderError;

/**
 * The complaint of the command line's parser as any other error: `error: what\n(Did you mean that?)` in one line, and in few words.
 * @param program the command line as a whole
 */
export const usageFailure = ({ message }: CommanderError, program: CommandUnknownOpts): CkptError =>
  new CkptError(
    'EINVAL',
    message
      .replace(/^error: /, '')
      .replace(/^(unknown command '(.*?)').*/s, (complaint, unknown, name) => {
        const path = placeOfCommand(name, program);
        return path === undefined ? complaint : `${unknown} (Did you mean ${path}?)`;
      })
      .replace(/^option '(.*?)' argument '(.*)' is invalid\. /s, (_, option, value) => refused(option, value))
      .replace(/^command-argument value '(.*)' is invalid for argument '(.*?)'\. /s, (_, value, argument) =>
        refused(`<${argument}>`, value),
      )
      .replaceAll('\n', ' '),
  );

/** Where a command of this name is, of the program or one level down: who knows other tools asks for `gc`, and means `store gc`. */
function placeOfCommand(name: string, { commands }: CommandUnknownOpts): string | undefined {
  const named = (command: CommandUnknownOpts): boolean => command.name() === name;
  if (commands.some(named)) return name;
  const group = commands.find((command) => command.commands.some(named));
  return group === undefined ? undefined : `${group.name()} ${name}`;
}

/** A value that somebody pasted by mistake is repeated in part only. */
const refused = (name: string, value: string): string =>
  `${name} cannot be '${value.length > 80 ? `${value.slice(0, 80)}...` : value}'. `;

/**
 * Refuses options that say nothing in a command of this kind: they would be forgotten without a word.
 * @param names of the options that are meant, by the names of their values
 * @param why   goes on behind the option: `is for ...`
 * @throws a usage error
 */
export function refuseOptions(
  options: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, string>>,
  why: string,
): void {
  for (const [name, option] of Object.entries(names))
    if (options[name] !== undefined) throw usageError(`${option} ${why}`);
}

/** Nothing is called ''. What a script did not fill in must not mean the folder it runs in, or the newest checkpoint. */
export function refuseEmpty(command: CommandUnknownOpts): void {
  const place = command.args.indexOf('');
  const argument =
    place < 0 ? undefined : (command.registeredArguments[place] ?? command.registeredArguments.at(-1));
  const option = command.options.find((each) => command.getOptionValue(each.attributeName()) === '');
  const name = argument === undefined ? option?.flags : `<${argument.name()}>`;
  if (name !== undefined) throw usageError(`${name} is empty`);
}
