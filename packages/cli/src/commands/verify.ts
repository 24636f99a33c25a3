import type { Runner } from '../command.js';
import { IMAGE_ARGUMENT, newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree verify tree.img', 'check that an image keeps every rule of the format'],
  ['ckptree verify tree.img --json | jq .findings', 'the breaches, for programs'],
] as const;

export function verifyCommand(run: Runner) {
  return newStoreCommand(
    'verify',
    'Check an image against every rule of the format. Exit code 1 when it breaks one.',
    EXAMPLES,
  )
    .argument('<image>', IMAGE_ARGUMENT)
    .action((image, options) =>
      run(options, async () => {
        const { formatVerify, verify } = await import('../work/verify.js');
        return { work: (session) => verify(image, options, session), format: formatVerify };
      }),
    );
}
