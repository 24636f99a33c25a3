import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registers, type TaskExit } from '@ckptree/kernel';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MachineRoom, writtenMemory } from './support/machine-room.js';

let folder: string;
let room: MachineRoom;
let oneCpu: MachineRoom;
let prose: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ckptree-programs-'));
  prose = Array.from(
    { length: 3000 },
    (_, n) => `${n % 7 === 0 ? 'größer' : 'word'}${n}${n % 11 === 0 ? '\n' : ' '}`,
  ).join('');
  writeFileSync(join(folder, 'prose.txt'), prose);
  writeFileSync(
    join(folder, 'binary'),
    Buffer.from(Array.from({ length: 10_000 }, (_, n) => (n * 7 + (n >> 8)) % 256)),
  );
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'spaces'), ' \n'.repeat(5000));
  room = new MachineRoom(folder);
  oneCpu = new MachineRoom(folder, 1);
});

afterAll(async () => {
  await Promise.all([room.kernel.shutdown(), oneCpu.kernel.shutdown()]);
  rmSync(folder, { recursive: true });
});

// biome-ignore format: a table, one run a line
const runs: readonly [string, object, number][] = [
  ['sieve', { limit: 100_000 }, 1],
  ['sieve', { limit: 2 }, 1],
  ['sieve', { limit: 10 }, 1],
  ['wordcount', { path: 'prose.txt' }, 1],
  ['wordcount', { path: 'prose.txt', passes: 2 }, 1],
  ['wordcount', { path: 'binary', passes: 3 }, 1],
  ['wordcount', { path: 'spaces' }, 1],
  ['wordcount', { path: 'empty' }, 1],
  ['kvstore', { workingSetMiB: 1, operations: 5000 }, 1],
  ['kvstore', { workingSetMiB: 1, operations: 5000, writePercent: 100, touch: 'none' }, 1],
  ['kvstore', { workingSetMiB: 1, operations: 1000, writePercent: 0 }, 1],
  ['forktree', { depth: 3, fanout: 2 }, 15],
  ['forktree', { depth: 2, fanout: 4, pages: 5, work: 0, pidBase: 100 }, 21],
  ['forktree', { depth: 4, fanout: 1, pages: 1 }, 5],
  ['forktree', { depth: 0 }, 1],
  ['threads', { members: 5, blocks: 60 }, 6],
  ['threads', { members: 3, blocks: 0 }, 4],
  ['threads', { members: 5, blocks: 60, kind: 'processes' }, 6],
  ['threads', { members: 3, file: 'binary' }, 4],
  ['threads', { members: 3, file: 'prose.txt', kind: 'processes' }, 4],
  ['idle', { memoryMiB: 1 }, 1],
  ['idle', { memoryMiB: 1, pattern: 'text', writesPerTick: 3 }, 1],
  ['idle', { memoryMiB: 0, pattern: 'zero', ticks: 0 }, 1],
  ['forkstorm', { forks: 50, width: 4 }, 51],
  ['forkstorm', { forks: 3, width: 8, work: 0 }, 4],
  ['aio', { path: 'binary', ticks: 10 }, 1],
  ['special', { flags: ['IO', 'PFNMAP'], ticks: 10 }, 1],
  ['hosted', {}, 1],
];

describe('a program ends with 0, which says that all it checked was right', () => {
  test.each(runs)('%s %j', async (program, params, tasks) => {
    const exits = await room.run({ program, params });
    expect(exits.filter(({ status }) => status !== 0)).toEqual([]);
    expect(exits).toHaveLength(tasks);
  });
});

describe('results', () => {
  test.each([1, 2, 3])('wordcount counts as many words as wc does, in %d passes', async (passes) => {
    const root = { program: 'wordcount', params: { path: 'prose.txt', passes } };
    const words = prose.split(/\s+/).filter((word) => word !== '').length;
    const [alone] = await room.run(root);
    let counted = 0;
    // Its variables are in registers; `words` is the seventh.
    await room.runAndStop(root, 1, alone!.ticks - 1, ({ registers }) => {
      counted = new Registers(registers!).get('r8');
    });
    expect(counted).toBe(words * passes);
  });

  test('wordcount rewrites its mapping and leaves the file as it is', async () => {
    const root = { program: 'wordcount', params: { path: 'prose.txt', passes: 1 } };
    const [alone] = await room.run(root);
    let mapped = '';
    await room.runAndStop(root, 1, alone!.ticks - 1, ({ mm }) => {
      mapped = Buffer.concat([...writtenMemory(mm!)]).toString('latin1');
    });
    expect(mapped).toContain('jbeq1 jbeq2 jbeq3');
    expect(readFileSync(join(folder, 'prose.txt'), 'utf8')).toBe(prose);
  });

  test('logwriter writes the same bytes', async () => {
    const exits = await room.run({
      program: 'logwriter',
      params: { input: 'binary', output: 'copy', blockBytes: 97 },
    });
    expect(exits.map(({ status }) => status)).toEqual([0]);
    expect(readFileSync(join(folder, 'copy')).equals(readFileSync(join(folder, 'binary')))).toBe(true);
  });

  test('zombies end with statuses of their own, which their parent is told', async () => {
    const exits = await room.run({ program: 'zombies', params: { count: 300, ticks: 5, pidBase: 1000 } });
    expect(exits.map(({ pid, status }) => [pid, status])).toEqual([
      [1, 0],
      ...Array.from({ length: 300 }, (_, n) => [1000 + n, (n % 256) << 8]),
    ]);
  });

  test('a task that idles for ever is there until it is killed', async () => {
    const root = { program: 'idle', params: { memoryMiB: 0, ticks: 0, forever: true } };
    expect(await room.runAndKill(root, [1])).toMatchObject([{ pid: 1, comm: 'idle' }]);
  });
});

describe('shell', () => {
  const idle = (ticks: number) => ({ program: 'idle', params: { memoryMiB: 0, ticks } });
  const shell = (...commands: object[]) => ({ program: 'shell', params: { commands } });

  test.each([true, false])('executes its commands, parallel: %s', async (parallel) => {
    const commands = [idle(10), { program: 'forktree', pid: 50, params: { depth: 1 } }, idle(0)];
    const exits = await room.run({ program: 'shell', params: { parallel, commands } });
    expect(exits.map(({ pid, comm, status }) => [pid, comm, status])).toEqual([
      [1, 'shell', 0],
      [2, 'idle', 0],
      [4, 'idle', 0],
      [50, 'forktree', 0],
      [51, 'forktree', 0],
      [52, 'forktree', 0],
    ]);
  });

  test('executes one after the other when it is told to', async () => {
    const commands = [idle(1000), { ...idle(10), pid: 30 }];
    const tasks = await room.runAndKill({ program: 'shell', params: { parallel: false, commands } }, [30]);
    expect(tasks.map(({ pid }) => pid)).toEqual([1, 30]);
  });

  test('gives commands sessions and groups of their own', async () => {
    const root = shell({ ...idle(1), session: true }, { ...idle(1), group: true }, idle(1));
    const tasks = await room.runAndKill(root, [2, 3, 4]);
    expect(tasks.map(({ pid, pgid, sid }) => [pid, pgid, sid])).toEqual([
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 1],
      [4, 1, 1],
    ]);
  });

  test('ends with 1 when a command did not end with 0', async () => {
    const exits = await room.run(shell(idle(1), { program: 'wordcount', params: { path: 'not-there' } }));
    expect(exits.map(({ status }) => status >> 8)).toEqual([1, 0, 127]);
  });

  test('executes shells', async () => {
    const exits = await room.run(shell({ ...shell(idle(1), idle(2)), pid: 10 }, idle(3)));
    expect(exits.map(({ pid, status }) => [pid, status])).toEqual([1, 3, 10, 11, 12].map((pid) => [pid, 0]));
  });
});

const stateOf = (exits: readonly TaskExit[]) =>
  exits.map(({ pid, comm, status, digest }) => `${pid} ${comm} ${status} ${digest}`).toSorted();

describe('the end is the same bit for bit', () => {
  const files = [{ name: 'shared', path: 'prose.txt' }];
  const group = { members: 6, fd: 7 };
  const commands = [
    { program: 'idle', params: { ticks: 300 } },
    { program: 'forktree', params: { depth: 1, work: 300 } },
  ];

  // biome-ignore format: a table, one tree a line
  const trees: readonly [string, object][] = [
    ['sieve', { program: 'sieve', params: { limit: 100_000 } }],
    ['wordcount', { program: 'wordcount', params: { path: 'prose.txt', passes: 5 } }],
    ['kvstore', { program: 'kvstore', params: { workingSetMiB: 1, operations: 5000 } }],
    ['forktree', { program: 'forktree', params: { depth: 2, fanout: 3 } }],
    ['threads that read one file', { program: 'threads', params: group, open: [{ fd: 7, file: 'shared' }] }],
    ['threads that fill memory', { program: 'threads', params: { members: 6, blocks: 100 } }],
    ['processes that share their memory', { program: 'threads', params: { members: 6, blocks: 100, kind: 'processes' } }],
    ['idle', { program: 'idle', params: { memoryMiB: 1, pattern: 'text', writesPerTick: 1 } }],
    ['logwriter', { program: 'logwriter', params: { input: 'binary', output: 'copy', blockBytes: 50 } }],
    ['zombies', { program: 'zombies', params: { count: 20, ticks: 100 } }],
    ['forkstorm', { program: 'forkstorm', params: { forks: 100, width: 4 } }],
    ['shell', { program: 'shell', params: { commands } }],
    ['special', { program: 'special', params: { flags: ['LOCKED'], ticks: 100 } }],
  ];

  test.each(trees)('on one cpu and on two: %s', async (_, root) => {
    expect(stateOf(await oneCpu.run(root, files))).toEqual(stateOf(await room.run(root, files)));
  });

  test.each(trees)('when a copy goes on from any tick: %s', async (_, root) => {
    const alone = await room.run(root, files);
    const { comm, ticks } = alone[0]!;
    // A leader looks whether its threads are done as often as it has the time to.
    const last = comm === 'threads' ? 20 : ticks - 1;
    for (const tick of [0, 1, Math.floor(last / 3), Math.floor((2 * last) / 3), last])
      expect({ tick, tasks: stateOf(await room.runAndReplace(root, files, tick)) }).toEqual({
        tick,
        tasks: stateOf(alone),
      });
  });
});

describe('a program notices that its memory was changed behind its back', () => {
  // biome-ignore format: a table, one run a line
  const victims: readonly [string, object, number][] = [
    ['sieve', { limit: 100_000 }, 100],
    ['wordcount', { path: 'prose.txt', passes: 2 }, 30],
    ['kvstore', { workingSetMiB: 1, operations: 5000 }, 300],
    ['forktree', { depth: 1, work: 1000 }, 500],
    ['threads', { members: 2, blocks: 100, kind: 'processes' }, 20],
    ['idle', { memoryMiB: 1 }, 500],
    ['forkstorm', { forks: 500, width: 2 }, 100],
    ['shell', { parallel: false, commands: [{ program: 'idle' }, { program: 'idle' }] }, 2],
  ];

  test.each(victims)('%s', async (program, params, tick) => {
    const exits = await room.runAndStop({ program, params }, 1, tick, ({ mm }) => {
      for (const page of writtenMemory(mm!)) for (let at = 0; at < page.length; at++) page[at]! ^= 0xff;
    });
    expect(exits.find(({ pid }) => pid === 1)?.status).not.toBe(0);
  });
});
