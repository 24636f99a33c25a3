import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ckptree, documentOf, REPOSITORY, scratchFolder } from './support/ckptree.js';

// Every example at five ticks: packages/restart/test/examples.test.ts. Here it is the commands that are held to it.

interface Report {
  tasks: { pid: number; exitCode: number; digest: string; ticks?: number; zombie?: true }[];
  stopped?: true;
}
type Task = Report['tasks'][number];

const scratch = scratchFolder();

const reportOf = async (command: 'run' | 'restart', ...args: string[]): Promise<Report> => {
  const { code, stdout, stderr } = await ckptree([command, ...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return documentOf<Report>(command, stdout);
};

const ends = (tasks: readonly Task[]) =>
  tasks.map(({ pid, exitCode, digest }) => `${pid}: ${exitCode} ${digest}`).sort();

test.each(['mixed', 'threads', 'zombies'])(
  '%s: what ended before the checkpoint and what the restarted tree ends with is all that the undisturbed tree ends with',
  async (name) => {
    const spec = join(REPOSITORY, 'examples', `${name}.json`);
    const image = scratch.path(`${name}.img`);
    const undisturbed = await reportOf('run', spec);
    const root = undisturbed.tasks.findLast(({ pid }) => pid === 1);
    const at = `1@${Math.floor((root?.ticks ?? 0) / 3)}`;

    const before = await reportOf('run', spec, '--checkpoint', at, '--output', image, '--stop');
    expect(before.stopped).toBe(true);
    const after = await reportOf('restart', image);

    // Zombies had ended before the checkpoint, and are in the image, too.
    const inBoth = after.tasks.filter(({ zombie }) => zombie);
    expect(ends([...before.tasks, ...after.tasks])).toEqual(ends([...undisturbed.tasks, ...inBoth]));
  },
);
