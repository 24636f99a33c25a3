import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { transformFile } from '@swc/core';
import { exported, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const support = join(import.meta.dirname, 'support');

interface Child {
  readonly process: ChildProcess;
  /** It has ended, and its output is here to the last line. */
  readonly closed: Promise<unknown>;
  readonly output: string[];
}

function start(args: readonly string[]): Child {
  const child = spawn(process.execPath, [join(support, 'writer-child.mjs'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void output.push(text));
  return { process: child, closed: once(child, 'close'), output };
}

/** It is at work. */
async function spoke({ process: running, output }: Child): Promise<void> {
  if (output.length === 0) await Promise.race([once(running.stdout!, 'data'), once(running, 'close')]);
}

async function end(child: Child, signal?: NodeJS.Signals): Promise<void> {
  const { process: running } = child;
  if (signal === undefined) running.stdin?.end();
  else running.kill(signal);
  await child.closed;
  const code = running.exitCode;
  if (signal === undefined) expect(code === 0 ? '' : child.output.join('').slice(-3000)).toBe('');
}

/** What a child acknowledged and did not begin to forget. */
function acknowledged({ output }: Child): Map<string, number> {
  const kept = new Map<string, number>();
  for (const line of output.join('').split('\n')) {
    const [word, id, seed] = line.split(' ');
    if (word === 'committed') kept.set(id!, Number(seed));
    if (word === 'forget') kept.delete(id!);
  }
  return kept;
}

const imageOf = (seed: number) =>
  buildImage([{ pid: 1, ppid: 0, pages: pages(120, (index) => (index < 60 ? index : seed * 1000 + index)) }]);

/** A module that makes images, for processes that run no TypeScript. @returns its path */
async function imageBuilder(): Promise<string> {
  const builder = join(await scratch(), 'image.mjs');
  const { code } = await transformFile(join(support, 'image.ts'), {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  });
  const require = createRequire(import.meta.url);
  await writeFile(
    builder,
    code.replaceAll(
      /'@ckptree\/(image|model)'|"@ckptree\/(image|model)"/g,
      (name) => `'${require.resolve(name.slice(1, -1))}'`,
    ),
  );
  return builder;
}

describe('processes that use one store at once', () => {
  test('writers and collectors, some of them killed: what was acknowledged is there', async () => {
    const path = await scratch();
    await Store.init(path);
    const builder = await imageBuilder();
    const children = [
      start([path, builder, '100', 'writer']),
      start([path, builder, '200000', 'writer']),
      start([path, builder, '0', 'collector']),
      start([path, builder, '0', 'collector']),
    ];
    const victims: Child[] = [];
    for (let round = 0; round < 3; round++) {
      const writer = start([path, builder, String(1_000_000 * (round + 1)), 'writer']);
      const collector = start([path, builder, '0', 'collector']);
      victims.push(writer, collector);
      await Promise.all([spoke(writer), spoke(collector)]);
      await sleep(17 * round);
      await Promise.all([end(writer, 'SIGKILL'), end(collector, 'SIGKILL')]);
    }
    for (const child of children) await end(child);
    const store = await Store.open(path);
    const report = await store.gc();
    expect(report.waitingFor).toEqual([]);
    let checked = 0;
    for (const child of [...children, ...victims])
      for (const [id, seed] of acknowledged(child)) {
        expect((await exported(store, id)).equals(imageOf(seed))).toBe(true);
        checked++;
      }
    expect(checked).toBeGreaterThan(6);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  });

  test('writers, collectors, readers, checks and repairs: nobody takes for damaged or missing what is just moved', async () => {
    const path = await scratch('/dev/shm');
    await Store.init(path);
    const builder = await imageBuilder();
    const roles = ['writer', 'collector', 'collector', 'checker', 'reader', 'repairer'];
    const children = roles.map((role, index) => start([path, builder, String(index * 100_000), role]));
    await Promise.all(children.map(spoke));
    await sleep(3000);
    for (const child of children) await end(child);
    const wrong = children.flatMap(({ output }) => output.join('').match(/^wrong .*$/gm) ?? []);
    expect(wrong).toEqual([]);
    expect(await (await Store.open(path)).verify({ readData: true })).toMatchObject({ ok: true });
  });
});
