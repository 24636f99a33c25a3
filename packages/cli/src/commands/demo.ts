import { newCommand, type Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree demo', 'see it happen'],
  ['ckptree demo --json', 'only the figures'],
] as const;

export function demoCommand(run: Runner) {
  return newCommand(
    'demo',
    'Run a tree of tasks, save it while it runs, kill it, restart it, and compare it with an undisturbed run. ' +
      'Takes some ten seconds and 600 MiB of memory and disk; leaves nothing behind.',
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
