import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { CommanderError } from 'commander';
import { EXIT } from '../exit-codes.js';

/**
 * `ckptree help store gc`: as `ckptree store gc --help`, and a complaint where there is no such command.
 * @param above the program, or a group of commands, whose `help` it is
 */
export const helpCommand = (above: CommandUnknownOpts) =>
  new Command('help')
    .description('Show the help of a command.')
    .argument('[command...]')
    .action((names) => {
      let command = above;
      for (const name of names) {
        const inner = command.commands.find((each) => each.name() === name);
        if (inner === undefined)
          throw new CommanderError(
            EXIT.USAGE,
            'commander.unknownCommand',
            `error: unknown command '${name}'`,
          );
        command = inner;
      }
      command.help();
    });
