import type { StartedTree } from '@ckptree/client';
import type { Palette } from '../output/palette.js';
import { formatBytes, formatDuration, plural } from '../output/quantities.js';
import type { TreeReport } from '../tree/tree-report.js';
import type { DemoCheckpoint, DemoReport } from './demo-report.js';

/** The demo in words: each scene is told when it is over. */
type Scene = (palette: Palette) => string;

const BAR_WIDTH = 48;

export const opening: Scene = ({ strong }) => `
${strong('ckptree demo')}: save a tree of tasks while it runs on three workers, lose one of them, and get the tree back

The tree: key-value stores under load, caches whose workers share one address space, tasks that share
open files and rewrite what they mapped, a family of forks, a prime sieve, children that nobody buried.

`;

export const undisturbed =
  ({ tasks, elapsedMs }: TreeReport): Scene =>
  ({ strong, faint }) =>
    `${strong('1. Run it undisturbed, in one process')}
   ${faint('$ ckptree run demo.json')}
   ${plural(tasks.length, 'task')} ended in ${formatDuration(elapsedMs * 1_000)}. How each ended, its digest, is what has to come out again.

`;

export const spawned =
  ({ workers }: StartedTree, storages: number): Scene =>
  ({ strong, faint }) =>
    `${strong('2. Run it again, in a cluster')}
   ${faint(`$ ckptree up --workers ${workers.length} --storage ${storages}`)}
   ${faint('$ ckptree spawn demo.json')}
   nats-server, a coordinator and ${plural(storages, 'storage service')} are up; the tree is spread over ${workers.join(', ')}.

`;

export const checkpointed =
  ({ id, tasks, bytes, storedBytes, downtimeUs, totalMs }: DemoCheckpoint): Scene =>
  ({ strong, faint, good, accent }) =>
    `${strong('3. Save it while it runs')}
   ${faint('$ ckptree checkpoint 1 --name demo')}
   stood still   ${accent(bar(downtimeUs / (totalMs * 1_000)))} ${strong(good(formatDuration(downtimeUs)))}
   saved in      ${accent(bar(1))} ${strong(formatDuration(totalMs * 1_000))}
   ${plural(tasks, 'task')}, ${formatBytes(bytes)} (${formatBytes(storedBytes)} in the store), one instant on all workers: ${id}

`;

export const killed =
  ({ worker, tasks }: DemoReport['killed']): Scene =>
  ({ strong, faint }) =>
    `${strong('4. Lose a worker')}
   ${faint(`$ kill -9 ${worker}`)}
   The process is gone, and ${plural(tasks, 'task')} with it. What is left of the tree is of no use.

`;

export const restarted =
  ({ workers }: StartedTree, ended: number, restartedMs: number): Scene =>
  ({ strong, faint }) =>
    `${strong('5. Get it back, on the others')}
   ${faint('$ ckptree restart demo')}
   ${plural(ended, 'task')} went on from where they were, on ${workers.join(' and ')}, and ended ${formatDuration(restartedMs * 1_000)} later.

`;

/** The comparison, and what follows from it. */
export function formatDemo(report: DemoReport, palette: Palette): string {
  const { strong, good, bad } = palette;
  const { equal, different, earlier, proved } = report;
  const compared = equal.length + different.length;
  const verdict = `${equal.length} of ${compared} digests are equal`;
  const before =
    earlier.length === 0 ? '' : ` (${plural(earlier.length, 'task')} had ended before the checkpoint)`;
  const heading = strong('6. Compare');
  if (!proved) {
    const pids = different.length === 0 ? '' : ` Different: pids ${different.join(', ')}.`;
    return `${heading}\n   ${bad(`${verdict}${before}.${pids}`)}\n\n${bad('Nothing was proved: the restarted tree is not the one that was saved.')}\n`;
  }
  return `${heading}
   ${good(`${verdict}${before}.`)}

${strong('What was proved')}
${conclusion(report)}
`;
}

function conclusion({ checkpoint, killed: lost, equal }: DemoReport): string {
  const { downtimeUs, totalMs, bytes, tasks } = checkpoint;
  const ratio = Math.round((totalMs * 1_000) / Math.max(downtimeUs, 1));
  return `   The ${tasks} tasks stood still for ${formatDuration(downtimeUs)}, while saving their ${formatBytes(bytes)} took ${formatDuration(totalMs * 1_000)}:
   ${ratio} times as long, in which they worked on. Then ${lost.worker} was killed. From the store alone, each of
   the ${equal.length} ended with the same registers and the same memory, bit for bit, as if nothing had happened.`;
}

/** At least one mark: what takes time is seen. */
const bar = (share: number): string =>
  '#'.repeat(Math.max(1, Math.round(share * BAR_WIDTH))).padEnd(BAR_WIDTH);
