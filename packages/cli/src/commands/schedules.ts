import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree schedules', 'what is saved again and again; `ckptree cancel ID` ends one'],
] as const;

export function schedulesCommand(run: Runner) {
  return newClusterCommand(
    'schedules',
    'List the checkpoints that are taken again and again.',
    EXAMPLES,
  ).action((options) =>
    run(options, async () => {
      const { formatSchedules, schedules } = await import('../cluster/schedules.js');
      return { work: (session) => schedules(options, session), format: formatSchedules };
    }),
  );
}
