import type { Palette } from '../output/palette.js';
import { formatBytes, formatDuration, plural } from '../output/quantities.js';
import type { CheckpointReport } from '../tree/checkpoint-report.js';
import type { TreeReport } from '../tree/tree-report.js';
import type { DemoReport } from './demo-report.js';
import { DEMO_TICK } from './demo-tree.js';

/** The demo in words: each scene is told when it is over. */
type Scene = (palette: Palette) => string;

const BAR_WIDTH = 48;

export const opening: Scene = ({ strong }) => `
${strong('ckptree demo')}: save a tree of tasks while it runs, lose it, and get it back

The tree: key-value stores under load, caches whose workers share one address space, tasks that share
open files and rewrite what they mapped, a family of forks, a prime sieve, children that nobody buried.

`;

export const undisturbed =
  ({ tasks, elapsedMs }: TreeReport): Scene =>
  ({ strong, faint }) =>
    `${strong('1. Run it undisturbed')}
   ${faint('$ ckptree run demo.json')}
   ${plural(tasks.length, 'task')} ended in ${formatDuration(elapsedMs * 1_000)}. How each ended, its digest, is what has to come out again.

`;

export const checkpointed =
  (checkpoint: CheckpointReport): Scene =>
  ({ strong, faint, good, accent }) => {
    const { bytes, tasks, downtimeUs = 0 } = checkpoint;
    const totalUs = totalUsOf(checkpoint);
    return `${strong('2. Run it again, and save it on the way')}
   ${faint(`$ ckptree run demo.json --checkpoint 1@${DEMO_TICK} --output demo.img`)}
   stood still   ${accent(bar(downtimeUs / totalUs))} ${strong(good(formatDuration(downtimeUs)))}
   saved in      ${accent(bar(1))} ${strong(formatDuration(totalUs))}
   ${plural(tasks, 'task')}, ${formatBytes(bytes)}. They went on while it was written: the image is what was there at one instant.

`;
  };

export const killed =
  ({ tasks }: CheckpointReport): Scene =>
  ({ strong, faint }) =>
    `${strong('3. Lose it')}
   ${faint('$ kill -9')}
   The process is gone, and all ${tasks} tasks with it.

`;

export const restarted =
  ({ tasks, elapsedMs }: TreeReport): Scene =>
  ({ strong, faint }) =>
    `${strong('4. Get it back, in a new process')}
   ${faint('$ ckptree restart demo.img')}
   ${plural(tasks.length, 'task')} went on from where they were and ended ${formatDuration(elapsedMs * 1_000)} later.

`;

/** The comparison, and what follows from it. */
export function formatDemo(report: DemoReport, palette: Palette): string {
  const { strong, good, bad } = palette;
  const { equal, different, earlier, proved } = report;
  const compared = equal.length + different.length;
  const verdict = `${equal.length} of ${compared} digests are equal`;
  const before =
    earlier.length === 0 ? '' : ` (${plural(earlier.length, 'task')} had ended before the checkpoint)`;
  const heading = strong('5. Compare');
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

function conclusion({ checkpoint, equal }: DemoReport): string {
  const { downtimeUs = 0, bytes, tasks } = checkpoint;
  const totalUs = totalUsOf(checkpoint);
  const ratio = Math.round(totalUs / Math.max(downtimeUs, 1));
  return `   The ${tasks} tasks stood still for ${formatDuration(downtimeUs)}, while saving their ${formatBytes(bytes)} took ${formatDuration(totalUs)}:
   ${ratio} times as long, in which they worked on. Then every trace of them was killed. From the image alone,
   each of the ${equal.length} ended with the same registers and the same memory, bit for bit, as if nothing had happened.`;
}

const totalUsOf = ({ freezeUs, snapshotUs, planMs, dumpMs, syncMs }: CheckpointReport): number =>
  freezeUs + snapshotUs + (planMs + dumpMs + syncMs) * 1_000;

/** At least one mark: what takes time is seen. */
const bar = (share: number): string =>
  '#'.repeat(Math.max(1, Math.round(share * BAR_WIDTH))).padEnd(BAR_WIDTH);
