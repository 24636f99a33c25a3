import { readFileSync } from 'node:fs';
import { readCore, writeCore } from '@ckptree/elfcore';
import type { ByteSource, StoredPages, Task, TaskTree } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BytesSink, bytesSource } from './bytes.js';
import { anyLiving, facts, groupOf, pageList, samples } from './trees.js';

async function coreOf(tree: TaskTree<StoredPages>, pid: number, source: ByteSource) {
  const sink = new BytesSink();
  const summary = await writeCore(tree, pid, source, sink);
  return { core: sink.bytes, summary };
}

/** The core without the note that only ckptree reads: its owner is another. */
function withoutNote(core: Uint8Array): Uint8Array {
  const stripped = Buffer.from(core);
  stripped.write('UNKNOWN', stripped.indexOf('CKPTREE\0'));
  return stripped;
}

const memoryOf = (tree: TaskTree<StoredPages>): StoredPages => anyLiving(tree, 0).mm!.memory;

describe('any tree, as a core and back', () => {
  test('has the same tasks, vmas, files and registers, and the same pages', async () => {
    await fc.assert(
      fc.asyncProperty(samples, fc.nat(), async ({ tree, source }, choice) => {
        const { pid, mm } = anyLiving(tree, choice);
        const { core, summary } = await coreOf(tree, pid, source);
        const back = await readCore(bytesSource(core));

        const group = groupOf(tree, pid);
        expect(facts(back.tasks)).toEqual(facts(group));
        expect(back.rootPid).toBe(group[0]!.pid);
        const pages = await pageList(memoryOf(back), bytesSource(core));
        expect(pages).toEqual(await pageList(mm!.memory, source));
        const threads = group.filter(({ exitState }) => exitState === 0).length;
        expect(summary).toMatchObject({ bytes: core.length, pages: pages.length, threads });
      }),
      { numRuns: 150 },
    );
  });

  test('gives the same core again, byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(samples, fc.nat(), async ({ tree, source }, choice) => {
        const { pid } = anyLiving(tree, choice);
        const { core } = await coreOf(tree, pid, source);
        const again = await coreOf(await readCore(bytesSource(core)), pid, bytesSource(core));
        expect(Buffer.compare(again.core, core)).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('counts references as its own tasks have them', async () => {
    await fc.assert(
      fc.asyncProperty(samples, fc.nat(), async ({ tree, source }, choice) => {
        const { core } = await coreOf(tree, anyLiving(tree, choice).pid, source);
        const back = await readCore(bytesSource(core));
        const tasks = back.tasks.filter(({ mm }) => mm !== undefined);
        const mm = tasks[0]!.mm!;
        const tables = new Set(tasks.flatMap(({ files }) => files ?? []));
        const references = [
          ...[...tables].flatMap(({ descriptors }) => descriptors.map(({ file }) => file)),
          ...[mm.exe, ...mm.vmas.map(({ file }) => file)].flatMap((file) => file ?? []),
        ];
        for (const file of references)
          expect(file.users).toBe(references.filter((other) => other === file).length);
        for (const table of tables)
          expect(table.users).toBe(tasks.filter(({ files }) => files === table).length);
        expect(mm.users).toBe(tasks.length);
      }),
      { numRuns: 50 },
    );
  });
});

test('the same core, read as if another program had written it, has the same registers and pages', async () => {
  // All but the last four bytes, `used_math`, of which a core tells nothing.
  const registersOf = (tasks: readonly Task<StoredPages>[]) =>
    new Map(tasks.flatMap(({ pid, registers }) => (registers ? [[pid, registers.subarray(0, -4)]] : [])));
  await fc.assert(
    fc.asyncProperty(samples, fc.nat(), async ({ tree, source }, choice) => {
      const { pid, mm } = anyLiving(tree, choice);
      const { core } = await coreOf(tree, pid, source);
      const foreign = await readCore(bytesSource(withoutNote(core)));

      expect(registersOf(foreign.tasks)).toEqual(registersOf(groupOf(tree, pid)));
      expect(await pageList(memoryOf(foreign), bytesSource(core))).toEqual(
        await pageList(mm!.memory, source),
      );
    }),
    { numRuns: 100 },
  );
});

test('a core of gdb, written again, is read as the same tasks and pages', async () => {
  const original = bytesSource(readFileSync(new URL('./corpus/threads.core', import.meta.url)));
  const tree = await readCore(original);
  const { core } = await coreOf(tree, tree.rootPid, original);
  const back = await readCore(bytesSource(core));
  expect(back).toEqual({ ...tree, tasks: tree.tasks.map((task) => ({ ...task, mm: expect.anything() })) });
  expect(facts(back.tasks)).toEqual(facts(tree.tasks));
  expect(await pageList(memoryOf(back), bytesSource(core))).toEqual(await pageList(memoryOf(tree), original));
});
