import { Option } from '@commander-js/extra-typings';
import { newClusterCommand } from '../cluster/cluster-options.js';
import { eventsFrom } from '../cluster/events-from.js';
import type { Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree events', 'all that is remembered'],
  ['ckptree events --follow', 'from now on, until Ctrl-C'],
  ['ckptree events --follow --from 1234', 'go on behind an event that was seen'],
  ['ckptree events --from 10m', 'what happened in the last ten minutes'],
  ['ckptree events --from 2026-11-23T12:00:00Z --filter type=failed', 'what failed since noon'],
  ['ckptree events --filter root=1 --filter label=app=db --json', 'for programs: a line of JSON each'],
] as const;

export function eventsCommand(run: Runner) {
  return newClusterCommand('events', 'Tell what happens in the cluster, and what has happened.', EXAMPLES)
    .option('--follow', 'wait for what comes')
    .addOption(
      new Option(
        '--from <where>',
        'beginning, now, the sequence of an event, a time (ISO 8601), or how long ago, such as 10m (default: now with --follow, else beginning)',
      ).argParser(eventsFrom),
    )
    .addOption(
      new Option(
        '--filter <what>',
        'type=T, checkpoint=ID, root=PID, tree=ID, worker=ID, name=N or label=K=V; may be given several times',
      ).argParser(collect),
    )
    .action(({ filter: filters, ...options }) =>
      run(options, async () => {
        const { events } = await import('../cluster/events.js');
        const { eventFilter } = await import('../cluster/event-filter.js');
        const filter = filters && eventFilter(filters);
        return { work: (session) => events({ ...options, filter }, session), format: () => '' };
      }),
    );
}

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
