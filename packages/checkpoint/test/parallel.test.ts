import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DumpPool, dumpParallel, dumpSequential, type Plan } from '@ckptree/checkpoint';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { MemorySink, planned } from './support/planned.js';

const folder = mkdtempSync(join(tmpdir(), 'ckptree-parallel-'));
let pool: DumpPool;

beforeAll(async () => {
  pool = new DumpPool({ threads: 2 });
  await pool.warmUp();
});

afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function sequential(plan: Plan): Promise<Uint8Array> {
  const sink = new MemorySink();
  await dumpSequential(plan, sink);
  return sink.bytes();
}

async function parallel(plan: Plan): Promise<Uint8Array> {
  const path = join(folder, 'image');
  const fd = openSync(path, 'w');
  try {
    await dumpParallel(plan, { fd, path }, pool);
  } finally {
    closeSync(fd);
  }
  return readFileSync(path);
}

describe('the parallel dump', () => {
  test('writes byte for byte what the sequential dump writes', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTree, async (tree) => {
        const plan = planned(tree);
        const expected = await sequential(plan);
        expect(expected.length).toBe(plan.size);
        expect(Buffer.compare(await parallel(plan), expected)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
