import { asCkptError } from '@ckptree/errors';
import type { CommonOptions, Job } from './command.js';
import { Interruption } from './interruption.js';
import { jsonDocument } from './output/json-pieces.js';
import { paletteOf, wantsColours } from './output/palette.js';
import { printable } from './output/printable.js';
import { SILENT, TerminalProgress } from './output/progress.js';
import { writeAll } from './output/write-all.js';
import type { Session } from './session.js';
import { usageError } from './usage-error.js';

/** Does a job and prints what came of it. The only place that prints reports. @returns the exit code */
export async function execute<Report>(
  options: CommonOptions,
  { work, format }: Job<Report>,
): Promise<number> {
  const { json = false, quiet = false } = options;
  const interruption = new Interruption();
  const progress = process.stderr.isTTY && !quiet && !json ? new TerminalProgress(process.stderr) : SILENT;
  const say = (message: string): void => {
    progress.end();
    if (!quiet) process.stderr.write(`${printable(message)}\n`);
  };
  const palette = paletteOf(wantsColours(process.stdout));
  const narrate: Session['narrate'] = (part) => {
    progress.end();
    if (!json) process.stdout.write(part(palette));
  };
  try {
    const session: Session = {
      signal: interruption.signal,
      endsWithin: (ms) => {
        interruption.graceMs = ms;
      },
      progress,
      debug: await debugFromEnvironment(),
      say,
      narrate,
      print: (text) => {
        progress.end();
        process.stdout.write(text, (error) => error != null && interruption.giveUp(error));
      },
      announce: (event) => void process.send?.(event),
    };
    const { report, exitCode, complaint, printed = false } = await work(session);
    progress.end();
    if (!printed) await writeAll(process.stdout, json ? jsonDocument(report) : format(report, palette));
    if (complaint !== undefined) process.stderr.write(`ckptree: ${printable(complaint)}\n`);
    return exitCode;
  } catch (error) {
    progress.end();
    if (interruption.exitCode === undefined) throw error;
    // Whatever failed because of the signal, people know that they sent it.
    process.stderr.write(`ckptree: ${asCkptError(interruption.signal.reason).message}\n`);
    return interruption.exitCode;
  } finally {
    interruption.dispose();
  }
}

/** CKPTREE_DEBUG=mm,page prints what goes on in these areas on stderr, as the debug flags of Linux-CR do. */
async function debugFromEnvironment(): Promise<Session['debug']> {
  const names = process.env.CKPTREE_DEBUG ?? '';
  if (names === '') return {};
  // Most commands take no checkpoint, and need not wait until it is loaded what takes them.
  const { debugAreas } = await import('@ckptree/checkpoint');
  try {
    return debugAreas(names, (area, text) => {
      process.stderr.write(`[ckpt:${area}] ${printable(text)}\n`);
    });
  } catch (error) {
    throw usageError(`CKPTREE_DEBUG: ${asCkptError(error).message}`);
  }
}
