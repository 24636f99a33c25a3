import { Command } from '@commander-js/extra-typings';
import type { ServiceRunner } from '../command.js';

const SUMMARIES = {
  worker: 'Be a worker: host tasks, and save and load their memory where it is.',
  storage: 'Be a storage service: serve a store of checkpoints to the cluster.',
  coordinator: 'Be a coordinator: place trees, lead checkpoints and restarts.',
} as const;

/** A service has options of its own, and a help of its own. */
export const serviceCommand = (role: keyof typeof SUMMARIES) => (_: unknown, be: ServiceRunner) =>
  new Command(role)
    .description(SUMMARIES[role])
    .argument('[options...]')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .usage(`[options]   (ckptree ${role} --help tells which)`)
    .action((args) => be(role, args));
