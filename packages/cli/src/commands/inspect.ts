import type { Runner } from '../command.js';
import { IMAGE_ARGUMENT, newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree inspect tree.img', 'the tasks, their address spaces and their files'],
  [
    'ckptree inspect tree.img --maps',
    'also every mapped range of memory, and how much of it is in the image',
  ],
  ["ckptree inspect tree.img --json | jq '.tasks[].registers.ip'", 'everything, for programs'],
] as const;

export function inspectCommand(run: Runner) {
  return newStoreCommand('inspect', 'Show what an image holds.', EXAMPLES)
    .argument('<image>', IMAGE_ARGUMENT)
    .option('--maps', 'also the memory maps')
    .option('--pids', 'also the identifiers of each task: parent, group, session, ...')
    .option('--pages', 'also where in the image the pages are (with --json, too)')
    .action((image, options) =>
      run(options, async () => {
        const { formatInspect, inspect } = await import('../work/inspect.js');
        return {
          work: (session) => inspect(image, options, session),
          format: (report) => formatInspect(report, options),
        };
      }),
    );
}
