import { newCommand, type Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree verify tree.img', 'check that an image keeps every rule of the format'],
  ['ckptree verify tree.img --json | jq .findings', 'the breaches, for programs'],
] as const;

export function verifyCommand(run: Runner) {
  return newCommand(
    'verify',
    'Check an image against every rule of the format. Exit code 1 when it breaks one.',
    EXAMPLES,
  )
    .argument('<image>', 'what `run --checkpoint` has made')
    .action((image, options) =>
      run(options, async () => {
        const { formatVerify, verify } = await import('../work/verify.js');
        return { work: (session) => verify(image, session), format: formatVerify };
      }),
    );
}
