import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';
import { usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree export nightly --output tree.img', 'the newest checkpoint of that name, as a file'],
  ['ckptree export 20261123t15 > tree.img', 'the same on stdout, by the beginning of an id'],
] as const;

export function exportCommand(run: Runner) {
  return newStoreCommand('export', 'Write the image of a checkpoint of the store.', EXAMPLES)
    .argument('<checkpoint>', 'an id, the unique beginning of one, or a name')
    .option('-o, --output <image>', 'where it goes; the file appears when it is complete (default: stdout)')
    .action((checkpoint, options) => {
      const { output, json } = options;
      if (output === undefined && (json === true || process.stdout.isTTY))
        throw usageError('an image is nothing to be shown here; say where it goes with --output FILE');
      return run(options, async () => {
        const { exportCheckpoint, formatExport } = await import('../store/export.js');
        return {
          work: (session) => exportCheckpoint(checkpoint, output, options, session),
          format: formatExport,
        };
      });
    });
}
