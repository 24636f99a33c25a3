import { Command } from '@commander-js/extra-typings';
import type { Palette } from './output/palette.js';
import type { Outcome, Session } from './session.js';

/** The options that every command has. */
export interface CommonOptions {
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
  readonly verbose?: true | undefined;
}

/** What a command does once its arguments are understood, and how people are shown what came of it. */
export interface Job<Report> {
  readonly work: (session: Session) => Promise<Outcome<Report>>;
  /** Ends with a line end, unless it is empty. In pieces where it may be long. */
  readonly format: (report: Report, palette: Palette) => string | Iterable<string>;
}

/**
 * Does the process's one job. Jobs are loaded when they are needed: whoever only asks for help, or mistypes, does not
 * wait for a kernel.
 */
export type Runner = <Report>(options: CommonOptions, load: () => Promise<Job<Report>>) => Promise<void>;

/** Makes the process a service until it ends; its options are its own. */
export type ServiceRunner = (
  role: 'worker' | 'storage' | 'coordinator',
  args: readonly string[],
) => Promise<void>;

/** A command with the options that all have, and its examples at the end of its help. */
export function newCommand(name: string, summary: string, examples: readonly Example[]) {
  return new Command(name)
    .description(summary)
    .option('--json', 'print one JSON document on stdout')
    .option('-q, --quiet', 'no progress and no remarks on stderr')
    .option('-v, --verbose', 'with an error, tell what is underneath it')
    .allowExcessArguments(false)
    .showHelpAfterError('')
    .addHelpText('after', formatExamples(examples));
}

/** A command line, and what it is good for. */
export type Example = readonly [command: string, purpose: string];

export function formatExamples(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, purpose]) =>
    width > 60 ? `  ${command}\n      ${purpose}` : `  ${command.padEnd(width)}  ${purpose}`,
  );
  return `\nExamples:\n${lines.join('\n')}`;
}
