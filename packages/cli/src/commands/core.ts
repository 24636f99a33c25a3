import { parsePid } from '../arguments.js';
import type { Runner } from '../command.js';
import { IMAGE_ARGUMENT, newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree core tree.img --task 12 --output core.12', 'the memory, registers and threads of task 12'],
  ['gdb -c core.12', 'look at it'],
  ['ckptree run --core core.12', 'host it as a tree of its own'],
] as const;

export function coreCommand(run: Runner) {
  return newStoreCommand('core', 'Write an ELF core file of one task of an image.', EXAMPLES)
    .argument('<image>', IMAGE_ARGUMENT)
    .requiredOption('-t, --task <pid>', 'the task; the threads of its group come along', parsePid)
    .requiredOption('-o, --output <core>', 'where the core goes; the file appears when it is complete')
    .action((image, options) =>
      run(options, async () => {
        const { formatCore, writeTaskCore } = await import('../work/core.js');
        return { work: (session) => writeTaskCore(image, options, session), format: formatCore };
      }),
    );
}
