import type { Runner } from '../command.js';
import { namingOptions } from '../store/naming-options.js';
import { newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree import tree.img --name nightly', 'keep an image in the store'],
  ['ckptree import tree.img --label app=db', 'with something to find it by'],
] as const;

export function importCommand(run: Runner) {
  return newStoreCommand('import', 'Put an image into the store; it comes back byte for byte.', EXAMPLES)
    .argument('<image>', 'a file: any valid image')
    .addOption(namingOptions.name)
    .addOption(namingOptions.label)
    .action((image, options) =>
      run(options, async () => {
        const { formatImport, importFile } = await import('../store/import.js');
        return { work: (session) => importFile(image, options, session), format: formatImport };
      }),
    );
}
