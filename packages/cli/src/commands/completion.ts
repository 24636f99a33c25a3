import { Argument, Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { formatExamples } from '../command.js';

const EXAMPLES = [
  ['source <(ckptree completion bash)', 'in ~/.bashrc'],
  ['source <(ckptree completion zsh)', 'in ~/.zshrc, behind compinit'],
  ['ckptree completion fish > ~/.config/fish/completions/ckptree.fish', 'once, and after each upgrade'],
] as const;

/** @param program whose commands and options shells are to complete */
export const completionCommand = (program: CommandUnknownOpts) =>
  new Command('completion')
    .description('Print what a shell needs to complete commands and options.')
    .addArgument(new Argument('<shell>', 'which it is').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', formatExamples(EXAMPLES))
    .action(async (shell) => {
      const [{ completionScript }, { writeAll }] = await Promise.all([
        import('../completion/script.js'),
        import('../output/write-all.js'),
      ]);
      await writeAll(process.stdout, completionScript(shell, program));
    });
