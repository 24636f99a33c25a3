import { newCommand, type Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree demo', 'see it happen'],
  ['ckptree demo --json', 'only the figures'],
] as const;

export function demoCommand(run: Runner) {
  return newCommand(
    'demo',
    'Run a tree of tasks on the workers of a cluster, save it while it runs, kill a worker, restart the tree on the others, ' +
      'and compare it with an undisturbed run. Takes a minute and 1 GiB of memory and disk; leaves nothing behind.',
    EXAMPLES,
  ).action((options) =>
    run(options, async () => {
      const [{ demo }, { formatDemo }] = await Promise.all([
        import('../demo/demo.js'),
        import('../demo/story.js'),
      ]);
      return { work: demo, format: formatDemo };
    }),
  );
}
