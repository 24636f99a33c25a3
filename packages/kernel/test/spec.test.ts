import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isCkptError } from '@ckptree/errors';
import { parseSpec, publishedSpecSchema, readSpec } from '@ckptree/kernel';
import { readSpecDocument } from '@ckptree/kernel/spec-file';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import type { TaskSpec } from '../dist/spec/schema.js';

const parse = (spec: unknown) => parseSpec(spec, { baseFolder: '/specs' });
const tasksOf = (root: unknown) => parse({ root }).tree.tasks;
const idle = { program: 'idle' };

const repository = new URL('../../../', import.meta.url);
const exampleNames = async () =>
  (await readdir(new URL('examples/', repository), { recursive: true })).filter((name) =>
    name.endsWith('.json'),
  );

describe('a spec', () => {
  test('numbers its tasks depth-first, from 1 or from where it says', () => {
    const tree = {
      ...idle,
      children: [
        { ...idle, children: [idle] },
        { ...idle, pid: 50, children: [idle] },
      ],
    };
    expect(tasksOf(tree).map(({ pid, ppid }) => [pid, ppid])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [50, 1],
      [51, 50],
    ]);
    expect(tasksOf({ ...tree, pid: 7 })[1]).toMatchObject({ pid: 8, ppid: 7 });
  });

  test('writes out repeats, each with its children', () => {
    const tasks = tasksOf({ ...idle, children: [{ ...idle, pid: 10, repeat: 3, children: [idle] }] });
    expect(tasks.map(({ pid, ppid }) => [pid, ppid])).toEqual([
      [1, 0],
      [10, 1],
      [11, 10],
      [12, 1],
      [13, 12],
      [14, 1],
      [15, 14],
    ]);
  });

  test('fills in what a task does not say', () => {
    expect(tasksOf({ program: 'sieve' })).toEqual([
      {
        pid: 1,
        ppid: 0,
        comm: 'sieve',
        program: 'sieve',
        params: { limit: 1_000_000 },
        open: [],
        shareMm: false,
        shareFiles: false,
        session: false,
        group: false,
      },
    ]);
  });

  test('takes relative paths from its folder: of files, of parameters, of what a shell executes', () => {
    const wordcount = { program: 'wordcount', params: { path: '../prose.txt' } };
    const { tree } = parse({
      files: [{ name: 'log', path: 'log.txt', flags: 'w+' }],
      root: { program: 'shell', params: { commands: [wordcount] }, children: [wordcount] },
    });
    expect(tree.files).toEqual([{ path: '/specs/log.txt', flags: 'w+' }]);
    expect(tree.tasks[0]!.params.commands).toMatchObject([{ params: { path: '/prose.txt' } }]);
    expect(tree.tasks[1]!.params).toEqual({ path: '/prose.txt', passes: 1 });
  });

  test('names the same open file for several descriptors', () => {
    const files = [
      { name: 'a', path: 'a' },
      { name: 'b', path: 'b' },
    ];
    const open = [
      { fd: 3, file: 'b' },
      { fd: 9, file: 'b' },
    ];
    expect(parse({ files, root: { ...idle, open } }).tree.tasks[0]!.open).toEqual([
      { fd: 3, file: 1 },
      { fd: 9, file: 1 },
    ]);
  });

  test('keeps what it says about the machine, and nothing else', () => {
    const spec = { $schema: 'x', name: 'n', description: 'd', cpus: 2, memoryMiB: 64, root: idle };
    const { tree, ...rest } = parse(spec);
    expect(rest).toEqual({ name: 'n', description: 'd', cpus: 2, memoryMiB: 64 });
    expect(tree.tasks).toHaveLength(1);
  });

  test('is left as it was, when it is given as data', () => {
    const spec = { root: { program: 'shell', params: { commands: [{ program: 'sieve' }] } } };
    const before = structuredClone(spec);
    parse(spec);
    expect(spec).toEqual(before);
  });

  test('of a million tasks fits in a line', () => {
    const tasks = tasksOf({ ...idle, children: [{ ...idle, repeat: 999_999 }] });
    expect(tasks).toHaveLength(1_000_000);
    expect(tasks.at(-1)).toMatchObject({ pid: 1_000_000, ppid: 1 });
  });

  test('may be as deep as documents can be', () => {
    const chain = (depth: number): TaskSpec =>
      depth === 0 ? idle : { ...idle, children: [chain(depth - 1)] };
    expect(tasksOf(chain(250))).toHaveLength(251);
  });

  test('survives a structured clone, as it must to reach another thread', () => {
    const spec = parse({ root: { ...idle, children: [{ ...idle, repeat: 3 }] } });
    expect(structuredClone(spec)).toEqual(spec);
  });
});

const anyTask: fc.Arbitrary<TaskSpec> = fc.letrec<{ task: TaskSpec }>((tie) => ({
  task: fc.record(
    {
      program: fc.constantFrom('idle', 'sieve', 'kvstore'),
      comm: fc.stringMatching(/^[ -~]{1,15}$/),
      repeat: fc.integer({ min: 1, max: 3 }),
      group: fc.boolean(),
      session: fc.boolean(),
      children: fc.array(tie('task'), { maxLength: 3, depthIdentifier: 'tree' }),
    },
    { requiredKeys: ['program'] },
  ),
})).task;

const countTasks = ({ repeat = 1, children = [] }: TaskSpec): number =>
  repeat * children.reduce((sum, child) => sum + countTasks(child), 1);

describe('laws', () => {
  test('every valid spec becomes as many tasks as it says, with unique pids, parents before children', () => {
    fc.assert(
      fc.property(anyTask, fc.integer({ min: 1, max: 1000 }), (task, pid) => {
        const root = { ...task, pid, repeat: 1 };
        const tasks = tasksOf(root);
        expect(tasks).toHaveLength(countTasks(root));
        expect(tasks.map((each) => each.pid)).toEqual(tasks.map((_, index) => pid + index));
        // Depth-first: a task's parent is the task before it or one of that task's ancestors.
        const path: number[] = [0];
        for (const each of tasks) {
          expect(path).toContain(each.ppid);
          path.splice(path.indexOf(each.ppid) + 1);
          path.push(each.pid);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('arbitrary data and text are taken or refused with a code, nothing else', () => {
    const keys = fc.constantFrom(
      'root',
      'program',
      'params',
      'children',
      'repeat',
      'pid',
      'open',
      'files',
      'share',
      '__proto__',
    );
    const values = fc.constantFrom<unknown>('idle', 'shell', 'mm', 1, 0, -1, 1e9, 1.5, null, true, [], {});
    const nearlySpec = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        values,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
      ),
    })).value;
    const survives = (document: unknown) => {
      try {
        parse(document);
      } catch (error) {
        if (!isCkptError(error)) throw error;
      }
    };
    fc.assert(fc.property(fc.oneof(nearlySpec, fc.anything(), fc.json(), fc.string()), survives), {
      numRuns: 2000,
    });
  });
});

describe('readSpec', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ckptree-spec-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("starts from the file's own folder", async () => {
    const path = join(folder, 'spec.json');
    await writeFile(path, JSON.stringify({ root: { program: 'wordcount', params: { path: 'a.txt' } } }));
    expect((await readSpec(path)).tree.tasks[0]!.params).toMatchObject({ path: join(folder, 'a.txt') });
  });

  test('names the file and the place in it when something is wrong', async () => {
    const path = join(folder, 'broken.json');
    await writeFile(path, '{ "root": { "program": "ls" } }');
    await expect(readSpec(path)).rejects.toMatchObject({
      code: 'ENOENT',
      fields: { path, field: '/root/program' },
    });
  });

  test('refuses what is no regular file, or is not there', async () => {
    await expect(readSpec(folder)).rejects.toMatchObject({ code: 'EINVAL', fields: { path: folder } });
    await expect(readSpec('/dev/zero')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(readSpec(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('reads no more of a file than the limit', async () => {
    const path = join(folder, 'large.json');
    await writeFile(path, Buffer.alloc(65 * 2 ** 20, ' '));
    await expect(readSpec(path)).rejects.toMatchObject({ code: 'E2BIG', fields: { path } });
  });
});

test('a document for others to parse is as it stands in the file, within the limits of a spec', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ckptree-document-'));
  try {
    const path = join(folder, 'spec.json');
    await writeFile(path, '{ "root": { "program": "of another release" } }');
    expect(await readSpecDocument(path)).toEqual({ root: { program: 'of another release' } });
    await writeFile(path, '# not JSON');
    await expect(readSpecDocument(path)).rejects.toMatchObject({ code: 'EINVAL', fields: { path } });
    await writeFile(path, '['.repeat(100_000));
    await expect(readSpecDocument(path)).rejects.toMatchObject({ code: 'E2BIG', fields: { path } });
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('the published schema', () => {
  const compilePublished = () =>
    new Ajv2020({ strict: true, strictTypes: false, formats: { path: true } }).compile(publishedSpecSchema());

  test('is what `npm run write-schema` writes', async () => {
    const text = await readFile(new URL('../schemas/spec.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(text)).toEqual(publishedSpecSchema());
  });

  test('is a valid schema, in strict mode, and so are the parameters of each program in it', () => {
    expect(compilePublished).not.toThrow();
  });

  test('accepts every example, and refuses wrong parameters', async () => {
    const validate = new Ajv2020({ strict: true, strictTypes: false, formats: { path: true } }).compile(
      publishedSpecSchema(),
    );
    const names = await exampleNames();
    expect(names.length).toBeGreaterThanOrEqual(8);
    for (const name of names) {
      const text = await readFile(new URL(`examples/${name}`, repository), 'utf8');
      expect({ name, valid: validate(JSON.parse(text)), errors: validate.errors }).toMatchObject({
        valid: true,
      });
    }
    expect(validate({ root: { program: 'sieve', params: { limit: 'many' } } })).toBe(false);
  });
});

describe('examples', () => {
  test('are all specs, with a description', async () => {
    for (const name of await exampleNames()) {
      const path = new URL(`examples/${name}`, repository).pathname;
      expect({ name, spec: await readSpec(path) }).toMatchObject({
        spec: { description: expect.stringMatching(/\.$/) },
      });
    }
  });
});
