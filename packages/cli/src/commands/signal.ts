import { parsePid } from '../arguments.js';
import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Doing } from '../cluster/tasks.js';
import type { Example, Runner } from '../command.js';

const WORDS: Readonly<Record<Doing, { readonly summary: string; readonly example: Example }>> = {
  freeze: {
    summary: 'Stop a task and all below it at safe points, until they are thawed.',
    example: ['ckptree freeze 1', 'on whatever workers they are'],
  },
  thaw: { summary: 'Let a task and all below it run on.', example: ['ckptree thaw 1', 'after a freeze'] },
  kill: {
    summary: 'End a task and all below it.',
    example: ['ckptree kill 1', 'a checkpoint of it can be restarted then'],
  },
};

/** `freeze`, `thaw`, `kill`. */
export const signalCommand = (doing: Doing) => (run: Runner) =>
  newClusterCommand(doing, WORDS[doing].summary, [WORDS[doing].example])
    .argument('<pid>', 'the task', parsePid)
    .action((pid, options) =>
      run(options, async () => {
        const { formatSignal, signalTree } = await import('../cluster/tasks.js');
        return { work: (session) => signalTree(doing, pid, options, session), format: formatSignal(doing) };
      }),
    );
