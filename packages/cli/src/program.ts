import { readFileSync } from 'node:fs';
import { CATALOGUE } from '@ckptree/errors';
import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { Runner, ServiceRunner } from './command.js';
import { cancelCommand } from './commands/cancel.js';
import { checkpointCommand } from './commands/checkpoint.js';
import { completionCommand } from './commands/completion.js';
import { coreCommand } from './commands/core.js';
import { demoCommand } from './commands/demo.js';
import { diffCommand } from './commands/diff.js';
import { eventsCommand } from './commands/events.js';
import { exportCommand } from './commands/export.js';
import { helpCommand } from './commands/help.js';
import { importCommand } from './commands/import.js';
import { inspectCommand } from './commands/inspect.js';
import { lsCommand } from './commands/ls.js';
import { psCommand } from './commands/ps.js';
import { restartCommand } from './commands/restart.js';
import { retentionCommand } from './commands/retention.js';
import { rmCommand } from './commands/rm.js';
import { runCommand } from './commands/run.js';
import { schedulesCommand } from './commands/schedules.js';
import { serviceCommand } from './commands/service.js';
import { showCommand } from './commands/show.js';
import { signalCommand } from './commands/signal.js';
import { spawnCommand } from './commands/spawn.js';
import { storeCommand } from './commands/store.js';
import { upCommand } from './commands/up.js';
import { verifyCommand } from './commands/verify.js';
import { workersCommand } from './commands/workers.js';
import { refuseEmpty } from './usage-error.js';

/**
 * The command line as a whole.
 * @param run is handed the work of the command that was called
 * @param be  is told to be a service
 */
export function buildProgram(run: Runner, be: ServiceRunner): Command {
  const program = new Command('ckptree')
    .description('Checkpoint a running tree of tasks, and restart it as if nothing had happened.')
    .version(packageVersion(), '-V, --version')
    .helpCommand(false)
    .addHelpText('after', MANUAL)
    // Thrown, not exited: what was begun is ended in order.
    .exitOverride()
    .hook('preAction', (_, command) => refuseEmpty(command))
    // Complaints are printed like all other errors.
    .configureOutput({ outputError: () => undefined });
  for (const command of Object.values(COMMANDS)) program.addCommand(inherit(command(run, be), program));
  for (const command of [completionCommand, helpCommand])
    program.addCommand(inherit(command(program), program));
  return program;
}

/** Settings of the program for a command and all below it. */
function inherit<Inner extends CommandUnknownOpts>(command: Inner, parent: CommandUnknownOpts): Inner {
  command.copyInheritedSettings(parent);
  // The program's --help among them, which would hide that of the service.
  if (command.name() in SERVICES) command.helpOption(false);
  for (const inner of command.commands) inherit(inner, command);
  return command;
}

/** These have options and a help of their own. */
const SERVICES = {
  worker: serviceCommand('worker'),
  storage: serviceCommand('storage'),
  coordinator: serviceCommand('coordinator'),
} as const;

const COMMANDS = {
  run: runCommand,
  restart: restartCommand,
  inspect: inspectCommand,
  verify: verifyCommand,
  diff: diffCommand,
  core: coreCommand,
  ls: lsCommand,
  show: showCommand,
  import: importCommand,
  export: exportCommand,
  rm: rmCommand,
  store: storeCommand,
  up: upCommand,
  spawn: spawnCommand,
  ps: psCommand,
  checkpoint: checkpointCommand,
  freeze: signalCommand('freeze'),
  thaw: signalCommand('thaw'),
  kill: signalCommand('kill'),
  events: eventsCommand,
  workers: workersCommand,
  schedules: schedulesCommand,
  retention: retentionCommand,
  cancel: cancelCommand,
  ...SERVICES,
  demo: demoCommand,
} as const;

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

const MANUAL = `
Start here:
  ckptree demo                                                 the whole story, in a minute
  ckptree run tree.json --checkpoint 1@5000 --output tree.img  run a tree and save it on the way
  ckptree restart tree.img                                     go on from there
  ckptree up                                                   a whole cluster on this machine; it tells what comes next

Exit codes:
  0    all went well
  1    it failed; for run and restart: the tree failed, or its checkpoint; for verify: damage; for diff: differences
  2    the command line makes no sense
  128+ the signal that ended the command: 130 after Ctrl-C, 143 after SIGTERM; up, events --follow and services end so with 0

Environment:
  NO_COLOR                      no colours
  NATS_URL                      where the cluster is; ls, show and restart then mean it, and not the store of this machine
  CKPTREE_NATS_CLIENT_PASSWORD  the password of the NATS user there
  CKPTREE_STORE                 the folder of the store, unless --store says another
  CKPTREE_PASSPHRASE            opens an encrypted store
  CKPTREE_DEBUG                 debug output of a checkpoint on stderr: mm, page, obj, file, rw, or all; separated by commas

Errors are told as CODE: sentence, with one of these codes:
${errorList()}`;

function errorList(): string {
  return Object.entries(CATALOGUE)
    .map(([code, { meaning }]) => `  ${code.padEnd(10)} ${meaning}`)
    .join('\n');
}
