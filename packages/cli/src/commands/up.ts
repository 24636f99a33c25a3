import { Option } from '@commander-js/extra-typings';
import { byteSize, wholeNumber } from '../arguments.js';
import { newCommand, type Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree up', 'a coordinator, two workers, a storage service and nats-server, until Ctrl-C'],
  ['ckptree up --workers 4 --storage 2 --coordinators 2', 'more of all: kill any of them and see'],
  ['ckptree up --data /var/lib/ckptree', 'keep what is stored in a folder of your choice'],
] as const;

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export function upCommand(run: Runner) {
  return newCommand(
    'up',
    'Run a whole cluster on this machine, every service a process of its own. Those that crash are started again.',
    EXAMPLES,
  )
    .addOption(new Option('--workers <n>', 'how many').argParser(wholeNumber(1, 64)).default(2))
    .addOption(new Option('--storage <n>', 'storage services').argParser(wholeNumber(1, 16)).default(1))
    .addOption(new Option('--coordinators <n>', 'one leads').argParser(wholeNumber(1, 5)).default(1))
    .option('--data <dir>', 'the folder that everything is kept in', 'ckptree-data')
    .option('--nats <url>', 'a NATS server that runs already (default: NATS_URL, else one is started)')
    .addOption(
      new Option(
        '--carrier <way>',
        'how chunks reach storage: on the volume that all share here, or over NATS',
      )
        .choices(['volume', 'nats'] as const)
        .default('volume' as const),
    )
    .addOption(
      new Option('--memory <size>', 'simulated memory of each worker, such as 512M or 4G').argParser(
        byteSize(MIB, 256 * GIB),
      ),
    )
    .addOption(
      new Option(
        '--ticks-per-second <n>',
        'most ticks that each cpu of a worker executes in a second (default: as many as the host can)',
      ).argParser(wholeNumber(1, 1e9)),
    )
    .action((options) =>
      run(options, async () => {
        const { formatUp, up } = await import('../cluster/up.js');
        return { work: (session) => up(options, session), format: formatUp };
      }),
    );
}
