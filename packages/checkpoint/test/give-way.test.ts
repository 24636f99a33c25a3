import { readdirSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { DumpPool } from '@ckptree/checkpoint';
import { poolEngine } from '@ckptree/store';
import { expect, test } from '@jest/globals';

const MIB = 2 ** 20;
const { PRIORITY_BELOW_NORMAL } = constants.priority;

/** Threads of this process that others go before. */
const givingWay = (): number =>
  readdirSync('/proc/self/task').filter((thread) => getPriority(Number(thread)) >= PRIORITY_BELOW_NORMAL)
    .length;

test('threads that dump give way to tasks, as do those of a store that is asked to, and no others', async () => {
  const before = givingWay();
  const pool = new DumpPool({ threads: 2 });
  await pool.warmUp();
  expect(givingWay()).toBe(before + 2);

  const bytes = new Uint8Array(new SharedArrayBuffer(MIB));
  for (const [givesWay, more] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const engine = poolEngine(1, givesWay)({ codec: 'none', level: 1 });
    await engine.digest(bytes, Uint32Array.of(0, MIB));
    expect(givingWay()).toBe(before + 2 + more);
    await engine.close();
  }
  await pool.close();
  expect(givingWay()).toBe(before);
});
