import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ckptree, documentOf, REPOSITORY, scratchFolder } from './support/ckptree.js';

const scratch = scratchFolder();
const env = { CKPTREE_STORE: scratch.path('store') };

interface Saved {
  id: string;
  tick: number;
  bytes: number;
  storedBytes: number;
}

interface Report {
  tasks: { pid: number; digest: string; zombie?: true }[];
  checkpoint?: Saved;
  laterCheckpoints?: Saved[];
}

async function report(command: string, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await ckptree([command, ...args, '--json'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return documentOf<Report>(command, stdout);
}

const digests = ({ tasks }: Report) => tasks.map(({ pid, digest }) => `${pid} ${digest}`);

describe.each(['sieve', 'shared'])('examples/%s.json', (name) => {
  const spec = join(REPOSITORY, `examples/${name}.json`);

  test('restarted from the store ends as it would have without', async () => {
    const whole = await report('run', spec, '--checkpoint', '1@100', '--name', name, '--label', 'kind=test');
    expect(whole.checkpoint?.storedBytes).toBeGreaterThan(0);
    const restarted = digests(await report('restart', name));
    const all = digests(whole);
    // Tasks that had been reaped by then are not in it.
    expect(all).toEqual(expect.arrayContaining(restarted));
    expect(restarted).toContain(all[0]);
  });
});

test('--checkpoint-every saves a running tree again and again, each time only what changed', async () => {
  const spec = scratch.spec('idle.json', {
    memoryMiB: 64,
    root: { program: 'idle', params: { ticks: 5_000, writesPerTick: 1, memoryMiB: 8 } },
  });
  const every = ['--checkpoint', '1@1000', '--checkpoint-every', '1500', '--name', 'series'];
  const { checkpoint, laterCheckpoints = [], tasks } = await report('run', spec, ...every);
  expect(laterCheckpoints.length).toBeGreaterThan(1);
  expect(checkpoint?.tick).toBe(1000);
  expect(laterCheckpoints.map(({ tick }) => tick)).toEqual(
    laterCheckpoints.map((_, index) => 2500 + 1500 * index),
  );
  const { stdout } = await ckptree(['ls', '--json'], { env });
  const { checkpoints } = documentOf<{ checkpoints: { id: string; name?: string; parent?: string }[] }>(
    'ls',
    stdout,
  );
  const series = checkpoints.filter(({ name }) => name === 'series');
  expect(series.map(({ id }) => id)).toEqual([checkpoint?.id, ...laterCheckpoints.map(({ id }) => id)]);
  expect(series[1]?.parent).toBe(series[0]?.id);
  for (const { id } of series.slice(0, 2))
    expect(digests(await report('restart', id))).toEqual(digests({ tasks }));

  const { checkpoint: later } = await report('restart', series[0]!.id, '--checkpoint', '1@3000');
  const shown = await ckptree(['show', later!.id!, '--json'], { env });
  expect(documentOf<{ parent?: string }>('show', shown.stdout).parent).toBe(series[0]!.id);
});

test('a series into a file leaves the last one there', async () => {
  const spec = scratch.spec('short.json', { root: { program: 'idle', params: { ticks: 3_000 } } });
  const image = scratch.path('last.img');
  const { laterCheckpoints } = await report(
    ...(['run', spec, '-c', '1@1000', '--checkpoint-every', '900', '-o', image] as const),
  );
  expect(laterCheckpoints?.slice(0, 2)).toMatchObject([
    { path: image, tick: 1900 },
    { path: image, tick: 2800 },
  ]);
  expect((await ckptree(['verify', image])).code).toBe(0);
});
