import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ASSUMPTIONS, assume, COSTS, COSTS_FILE, costsOf, readCosts, TABLES } from '@ckptree/scale';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const COMMAND = fileURLToPath(new URL('../bin/scale.js', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ckptree-scale-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function scale(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [COMMAND, ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );
}

describe('the command', () => {
  test('prints the tables that are asked for, the same for the same seed, and draws them', async () => {
    const names = ['lease', 'nats', 'admission'];
    const first = await scale(...names, '--plots', 'plots');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^Chance that a cut fits its lease/);
    expect(await scale(...names)).toEqual(first);
    const other = await scale(...names, '--seed', '2');
    expect(other.stdout).not.toBe(first.stdout);
    expect(await readdir(join(folder, 'plots'))).toEqual(['scale-lease.svg']);
    expect(await readFile(join(folder, 'plots', 'scale-lease.svg'), 'utf8')).toMatch(/^<svg /);
  });

  test('tells every cost with its source, and every assumption', async () => {
    const { stdout } = await scale('costs');
    for (const name of [...Object.keys(COSTS), ...Object.keys(ASSUMPTIONS)])
      expect(stdout).toContain(`\n${name} `);
  });

  test.each([
    [['nonsense'], 'EINVAL: there is no table "nonsense"'],
    [['--costs', 'missing.json'], 'ENOENT'],
    [['--frobnicate'], 'EINVAL'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await scale(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`scale: ${message}`);
  });
});

describe('costs', () => {
  test('that come with the package are whole, and each has its source', async () => {
    const document = await readCosts(COSTS_FILE);
    expect(Object.keys(document.costs).sort()).toEqual(Object.keys(COSTS).sort());
    expect(Object.values(costsOf(document)).every((value) => value > 0)).toBe(true);
  });

  test.each([
    ['no JSON', '{', 'is not JSON'],
    ['another document', '{"machine":"m"}', 'is missing'],
    [
      'a cost of nothing',
      JSON.stringify({ machine: 'm', date: '2026-11-25', costs: {} }),
      '/costs/freezeTree is missing',
    ],
  ])('refuses %s', async (_, text, message) => {
    const path = join(folder, 'costs.json');
    await writeFile(path, text);
    await expect(readCosts(path)).rejects.toMatchObject({
      code: 'EBADMSG',
      message: expect.stringContaining(message),
    });
  });
});

describe('an assumption', () => {
  test('is changed by name', () => {
    expect(assume(['workers=500', 'hop=1e-3'])).toEqual({ ...ASSUMPTIONS, workers: 500, hop: 1e-3 });
  });

  test.each([
    ['worker=3', 'nothing called "worker" is assumed'],
    ['workers=-3', 'workers cannot be "-3"'],
    ['workers', 'workers cannot be ""'],
    ['workers=many', 'workers cannot be "many"'],
  ])('is not changed by %s', (change, message) => {
    expect(() => assume([change])).toThrow(
      expect.objectContaining({ code: 'EINVAL', message: expect.stringContaining(message) }),
    );
  });
});

test('tables have a cell for every column', async () => {
  const costs = costsOf(await readCosts(COSTS_FILE));
  for (const { name, compute } of TABLES) {
    if (!['limits', 'lease', 'nats', 'coordinator'].includes(name)) continue; // others take longer, and are alike
    const { columns, rows } = compute({ costs, assumed: ASSUMPTIONS, seed: 1 });
    expect({ name, rows: rows.length }).not.toMatchObject({ rows: 0 });
    for (const row of rows) expect({ name, cells: row.length }).toEqual({ name, cells: columns.length });
  }
});
