import type { Runner } from '../command.js';
import { IMAGE_ARGUMENT, newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree diff before.img after.img', 'which tasks, mapped ranges and pages changed in between'],
  ['ckptree diff a.img b.img > /dev/null && echo the same', 'only the exit code'],
] as const;

export function diffCommand(run: Runner) {
  return newStoreCommand('diff', 'Tell how two images differ. Exit code 1 when they do.', EXAMPLES)
    .argument('<a>', IMAGE_ARGUMENT)
    .argument('<b>', 'another image')
    .action((a, b, options) =>
      run(options, async () => {
        const { diff, formatDiff } = await import('../work/diff.js');
        return { work: (session) => diff(a, b, options, session), format: formatDiff };
      }),
    );
}
