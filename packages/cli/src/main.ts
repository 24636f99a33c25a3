import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { EXIT } from './exit-codes.js';
import { failureOf, formatFailure } from './output/failure.js';
import { watchOutput } from './output/output-failure.js';
import { paletteOf, wantsColours } from './output/palette.js';
import { writeAll } from './output/write-all.js';
import { buildProgram } from './program.js';
import { isUsageError, usageFailure } from './usage-error.js';

/**
 * The `ckptree` command.
 * @param args the command line behind the name of the command
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  const written = watchOutput(process.stdout);
  // Without a listener it would end the process, with a stack; and there is nowhere left to tell of it.
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => {
    tell(error, false);
    process.exit(EXIT.FAILURE);
  });

  const exitCode = await obey(args);
  if (exitCode !== EXIT.OK) return exitCode;
  const failure = await written();
  if (failure === undefined) return EXIT.OK;
  tell(failure, false);
  return EXIT.FAILURE;
}

/** @returns the exit code */
async function obey(args: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.OK;
  const program = buildProgram(
    async (options, load) => {
      const [{ execute }, job] = await Promise.all([import('./execute.js'), load()]);
      exitCode = await execute(options, job);
    },
    async (role, args) => {
      const { runAsService } = await import('./cluster/service.js');
      exitCode = await runAsService(role, args);
    },
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return failed(error, args, program);
  }
}

/** @returns the exit code */
async function failed(error: unknown, args: readonly string[], program: CommandUnknownOpts): Promise<number> {
  const usage = isUsageError(error);
  // Help and version have been printed: that is all that was asked for, unless there was no command.
  if (usage && error.exitCode === EXIT.OK) return EXIT.OK;
  if (usage && error.code === 'commander.help') return EXIT.USAGE;

  const failure = usage ? usageFailure(error, program) : error;
  const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  tell(failure, options.includes('--verbose') || options.includes('-v'));
  if (usage) process.stderr.write(`  ${commandOf(options, program).join(' ')} --help tells more\n`);
  if (options.includes('--json')) {
    const document = `${JSON.stringify({ error: failureOf(failure) }, undefined, 2)}\n`;
    // Where that cannot be written, what went wrong has been told all the same.
    await writeAll(process.stdout, document).catch(() => undefined);
  }
  return usage ? EXIT.USAGE : EXIT.FAILURE;
}

/** The command that was meant, as far as there is such a one, with those that it is below: `ckptree store gc`. */
function commandOf([arg, ...others]: readonly string[], within: CommandUnknownOpts): readonly string[] {
  if (arg === undefined) return [within.name()];
  // `help` has no help of its own that would tell more.
  const inner = within.commands.find((command) => command.name() === arg && arg !== 'help');
  return inner === undefined ? commandOf(others, within) : [within.name(), ...commandOf(others, inner)];
}

function tell(error: unknown, verbose: boolean): void {
  process.stderr.write(formatFailure(error, paletteOf(wantsColours(process.stderr)), verbose));
}
