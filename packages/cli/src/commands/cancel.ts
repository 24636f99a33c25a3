import { parseCancellable } from '../arguments.js';
import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree cancel 20261123t153926123-7f3a9c2e', 'give up a checkpoint; its tasks run on'],
  ['ckptree cancel s-17356a84-db59', 'end a schedule; what it has taken stays'],
] as const;

export function cancelCommand(run: Runner) {
  return newClusterCommand('cancel', 'Give up a checkpoint that is under way, or end a schedule.', EXAMPLES)
    .argument('<id>', 'of the checkpoint, or of the schedule', parseCancellable)
    .action((id, options) =>
      run(options, async () => {
        const { cancel, formatCancel } = await import('../cluster/cancel.js');
        return { work: (session) => cancel(id, options, session), format: formatCancel };
      }),
    );
}
